// What happened: calls and what they cost, and movements of money. Users see their own rows.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Download, Pause, Play, ScrollText } from 'lucide-react'
import { useState } from 'react'
import { api, whole } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { every } from '../lib/live'
import { exact } from '../lib/money'
import { Button } from '../ui/button'
import { Count, Empty, Money, State, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { Views } from '../ui/views'
import { Explained } from './logs/explain'
import { asked, Filters, filtered, type Go, type Search } from './logs/filters'
import { isCall, isFailed, kindOf, type Log, lasting } from './logs/words'

const PAGE = 50

export function Logs() {
  const { t, language } = useSpeech()
  const user = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const [paused, setPaused] = useState(false)
  const admin = user.role >= ROLES.admin
  const everybody = admin && search.mine !== '1'
  const seen = search.seen?.split('.').filter(Boolean) ?? []
  const newest = seen.length === 0
  const go: Go = (change, replace = true) =>
    navigate({
      to: '/logs',
      search: ((before: Search) => ({ ...before, ...change })) as never,
      replace,
      resetScroll: false,
    })

  const logs = useQuery({
    queryKey: ['logs', everybody, { ...search, request: undefined, row: undefined }],
    queryFn: () => {
      const query = {
        ...asked(search, everybody),
        page_size: String(PAGE),
        ...(newest ? {} : { cursor: seen.at(-1) }),
      } as never
      const params = { params: { query } }
      return whole(everybody ? api.GET('/api/log', params) : api.GET('/api/log/self', params))
    },
    refetchInterval: newest && !paused ? every(5_000) : false,
    meta: { stopped: paused || !newest },
    placeholderData: (before) => before,
  })
  const rows = logs.data?.data
  const current = rows?.find(
    (log) => String(log.id) === search.row || (search.request && log.request_id === search.request),
  )?.id
  const total = logs.data?.total
  const chosen = new URLSearchParams(asked(search, everybody))
  const address = everybody ? '/api/log/export' : '/api/log/self/export'
  const turn = (page: number) => {
    const last = rows?.at(-1)
    const next = page > seen.length && last ? [...seen, last.id] : seen.slice(0, page)
    go({ seen: next.join('.') || undefined }, false)
  }

  const columns: Column<Log>[] = [
    { key: 'time', head: t('log_time'), show: (log) => <Time at={log.created_at} /> },
    {
      key: 'what',
      head: t('log_model'),
      show: (log) =>
        isCall(log) ? (
          <span className="break-all">{log.model_name}</span>
        ) : (
          <span className="line-clamp-1 text-soft" title={log.content}>
            {kindOf(log, t)}: {log.content}
          </span>
        ),
    },
    { key: 'key', head: t('log_key'), wide: true, show: (log) => log.token_name },
    ...(everybody
      ? [
          { key: 'user', head: t('log_user'), show: (log: Log) => log.username },
          {
            key: 'channel',
            head: t('log_channel'),
            right: true,
            wide: true,
            show: (log: Log) => log.channel || '',
          },
        ]
      : []),
    {
      key: 'tokens',
      head: t('log_tokens'),
      right: true,
      show: (log) =>
        isCall(log) ? (
          <>
            <Count of={log.prompt_tokens} /> / <Count of={log.completion_tokens} />
          </>
        ) : (
          ''
        ),
    },
    { key: 'cost', head: t('log_cost'), right: true, show: (log) => <Money usd={log.cost_usd} /> },
    {
      key: 'lasts',
      head: t('log_duration'),
      right: true,
      wide: true,
      show: (log) => (isCall(log) ? lasting(log.elapsed_time, language) : ''),
    },
    {
      key: 'state',
      head: t('log_status'),
      show: (log) => {
        if (!isCall(log)) return <State mood="none">{kindOf(log, t)}</State>
        if (isFailed(log))
          return (
            <State mood="bad">
              {t('log_failed')} {log.status || ''}
            </State>
          )
        return <State mood="good">{t('log_answered')}</State>
      },
    },
  ]
  const link =
    'inline-flex min-h-8 items-center gap-1.5 rounded-md border border-line bg-card px-3 font-medium hover:bg-raised max-md:min-h-11'
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('logs')}</h1>
        <div className="flex flex-wrap gap-2">
          <Views page="/logs" filters={{ ...search, seen: undefined, request: undefined, row: undefined }} />
          {(['csv', 'jsonl'] as const).map((format) => (
            <a
              key={format}
              className={link}
              href={`${address}?${new URLSearchParams([...chosen, ['format', format]])}`}
              download
            >
              <Download className="size-4" aria-hidden />
              {t(`log_export_${format}`)}
            </a>
          ))}
        </div>
      </div>
      <Filters search={search} go={go} admin={admin} />
      <div className="flex min-h-8 flex-wrap items-center justify-between gap-3">
        <p>
          {typeof total === 'number' ? t('log_says', { total: exact(total, language), count: total }) : null}
          {typeof total === 'string' ? t('log_at_least', { count: '10,000+' }) : null}
        </p>
        {newest ? (
          <div className="flex items-center gap-3">
            <span className="text-soft">{paused ? t('log_paused') : t('log_live')}</span>
            <Button
              onClick={() => setPaused(!paused)}
              icon={
                paused ? <Play className="size-4" aria-hidden /> : <Pause className="size-4" aria-hidden />
              }
            >
              {paused ? t('log_resume') : t('log_pause')}
            </Button>
          </div>
        ) : null}
      </div>
      <Table
        caption={t('logs')}
        name="logs"
        current={current}
        columns={columns}
        rows={rows}
        id={(log) => log.id}
        error={rows ? undefined : logs.error}
        retry={() => logs.refetch()}
        open={(log) =>
          log.type === 2 && log.request_id
            ? go({ request: log.request_id, row: undefined }, false)
            : go({ row: String(log.id), request: undefined }, false)
        }
        empty={
          <Empty
            icon={<ScrollText className="size-6" aria-hidden />}
            title={filtered(search) || !newest ? t('log_empty_filtered') : t('log_empty')}
          />
        }
      />
      <Pages page={seen.length} more={rows?.length === PAGE} go={turn} />
      {search.request || search.row ? (
        <Explained
          request={search.request}
          row={rows?.find((log) => String(log.id) === search.row)}
          admin={admin}
          close={() => go({ request: undefined, row: undefined })}
        />
      ) : null}
    </>
  )
}
