// What can be taken along, and what can't.
import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Failure } from '../../ui/errors'
import { Card, Code } from '../../ui/show'
import { bytes } from '../nodes/words'

const LINK =
  'inline-flex min-h-8 items-center gap-1.5 rounded-md border border-line bg-card px-3 py-1 font-medium hover:bg-raised max-md:min-h-11'
const TOOLS = {
  mysql: 'mysqldump --single-transaction DATABASE > magic.sql',
  postgres: 'pg_dump --format=custom --file=magic.dump DATABASE',
} as const

function Part({ hint, children }: { hint: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-col items-start gap-2">
      {children}
      <p className="text-soft">{hint}</p>
    </div>
  )
}

export function Take() {
  const { t, language } = useSpeech()
  const offer = useQuery({ queryKey: ['backup'], queryFn: () => data(api.GET('/api/backup')) })
  if (offer.error) return <Failure error={offer.error} retry={() => offer.refetch()} />
  const told = offer.data
  if (!told) return null
  const engine = told.engine
  return (
    <Card title={t('backup_title')}>
      <div className="flex max-w-3xl flex-col gap-5">
        <Part hint={t('backup_config_hint')}>
          <a href="/api/backup/config" download className={LINK}>
            <Download className="size-4" aria-hidden />
            {t('backup_config')}
          </a>
        </Part>
        {engine === 'mysql' || engine === 'postgres' ? (
          <div className="flex flex-col gap-2">
            <p>{t(`backup_database_${engine}`)}</p>
            <Code text={TOOLS[engine]} />
          </div>
        ) : (
          <Part
            hint={
              <>
                {t('backup_database_hint', { size: bytes(told.database_bytes ?? 0, language) })}{' '}
                {told.separate_logs ? t('backup_database_logs') : null}
              </>
            }
          >
            <a href="/api/backup/database" download className={LINK}>
              <Download className="size-4" aria-hidden />
              {t('backup_database')}
            </a>
          </Part>
        )}
        <p className="flex flex-wrap items-baseline gap-x-2 rounded-md border border-line bg-raised p-3">
          <span aria-hidden className="text-warn">
            ◐
          </span>
          <span className="min-w-0 flex-1 break-words">{t('backup_key', { place: told.master_key })}</span>
        </p>
        <p className="text-xs text-soft">{t('backup_recorded')}</p>
      </div>
    </Card>
  )
}
