// The trail of who changed what.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ScrollText } from 'lucide-react'
import type { Schemas } from '../../api/client'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Empty, State, Time } from '../../ui/show'
import { type Column, Pages, Table } from '../../ui/table'
import type { Go, Search } from './movements'

type Entry = Schemas['AuditEntry']

const PAGE = 50

export function Audit({ search, go }: { search: Search; go: Go }) {
  const { t } = useSpeech()
  const seen = search.seen?.split('.').filter(Boolean) ?? []
  const trail = useQuery({
    queryKey: ['audit', seen.at(-1)],
    queryFn: () => {
      const query = { page_size: PAGE, ...(seen.length ? { cursor: Number(seen.at(-1)) } : {}) }
      return whole(api.GET('/api/audit', { params: { query: query as never } }))
    },
    placeholderData: (before) => before,
  })
  const rows = trail.data?.data
  const turn = (page: number) => {
    const last = rows?.at(-1)
    const next = page > seen.length && last ? [...seen, last.id] : seen.slice(0, page)
    go({ seen: next.join('.') || undefined }, false)
  }
  const verify = useMutation({ mutationFn: () => data(api.GET('/api/audit/verify')) })
  const columns: Column<Entry>[] = [
    {
      key: 'at',
      head: t('setting_audit_when'),
      show: (entry) => <Time at={Math.floor(entry.at_ms / 1000)} />,
    },
    { key: 'who', head: t('setting_audit_who'), show: (entry) => entry.username || '–' },
    {
      key: 'what',
      head: t('setting_audit_what'),
      show: (entry) => (
        <code className="font-mono text-xs break-all">
          {entry.method} {entry.path}
        </code>
      ),
    },
    {
      key: 'detail',
      head: t('setting_audit_detail'),
      wide: true,
      show: (entry) => {
        const text = JSON.stringify(entry.detail)
        return (
          <code className="inline-block max-w-80 truncate align-bottom font-mono text-xs" title={text}>
            {text}
          </code>
        )
      },
    },
    { key: 'from', head: t('setting_audit_from'), wide: true, show: (entry) => entry.ip },
  ]
  const chain = verify.data
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button busy={verify.isPending} onClick={() => verify.mutate()}>
          {t('setting_verify')}
        </Button>
        <a
          href="/api/audit?format=jsonl"
          download="audit.jsonl"
          className="inline-flex min-h-8 items-center rounded-md border border-line bg-card px-3 py-1 font-medium hover:bg-raised max-md:min-h-11"
        >
          {t('setting_audit_export')}
        </a>
        <span role="status">
          {chain ? (
            chain.ok ? (
              <State mood="good">{t('setting_chain_whole', { count: chain.rows })}</State>
            ) : (
              <State mood="bad">{t('setting_chain_broken', { id: chain.broken_at ?? 0 })}</State>
            )
          ) : null}
          {verify.error ? <span className="text-bad">{explained(verify.error, t)}</span> : null}
        </span>
      </div>
      <Table
        caption={t('setting_audit')}
        columns={columns}
        rows={rows}
        id={(entry) => entry.id}
        error={rows ? undefined : trail.error}
        retry={() => trail.refetch()}
        empty={<Empty icon={<ScrollText className="size-6" aria-hidden />} title={t('nothing_found')} />}
      />
      <Pages page={seen.length} more={rows?.length === PAGE} go={turn} />
    </div>
  )
}
