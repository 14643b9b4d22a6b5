// The trail of who changed what.
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { ScrollText } from 'lucide-react'
import type { Schemas } from '../../api/client'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Empty, State, Time } from '../../ui/show'
import { type Column, Table } from '../../ui/table'

type Entry = Schemas['AuditEntry']

export function Audit() {
  const { t } = useSpeech()
  const trail = useInfiniteQuery({
    queryKey: ['audit'],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) =>
      whole(
        api.GET('/api/audit', {
          params: { query: { page_size: 50, ...(pageParam ? { cursor: pageParam } : {}) } as never },
        }),
      ),
    getNextPageParam: (last) => (last.data.length === 50 ? (last.cursor ?? null) : null),
  })
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
        rows={trail.data?.pages.flatMap((page) => page.data)}
        id={(entry) => entry.id}
        error={trail.error}
        retry={() => trail.refetch()}
        empty={<Empty icon={<ScrollText className="size-6" aria-hidden />} title={t('nothing_found')} />}
      />
      {trail.hasNextPage ? (
        <div>
          <Button busy={trail.isFetchingNextPage} onClick={() => trail.fetchNextPage()}>
            {t('setting_audit_older')}
          </Button>
        </div>
      ) : null}
    </div>
  )
}
