// What root takes along, and what comes from elsewhere.
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { Bring } from './backup/import'
import { Take } from './backup/take'

export function Backup() {
  const { t } = useSpeech()
  const me = useMe()
  if (me.role < ROLES.root) return <p>{t('error_forbidden')}</p>
  return (
    <>
      <h1 className="text-xl font-semibold">{t('backup')}</h1>
      <p className="text-soft">{t('backup_says')}</p>
      <Take />
      <Bring />
    </>
  )
}
