// The processes of this installation: whether they live, what they are, how they fare.
import { useQuery } from '@tanstack/react-query'
import { Server } from 'lucide-react'
import { useState } from 'react'
import { api, data } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { type Speech, useSpeech } from '../i18n'
import { exact, usd } from '../lib/money'
import { Empty, State, Time } from '../ui/show'
import { type Column, Table } from '../ui/table'
import { Ask, type Wish, Wishes } from './nodes/ask'
import { behind, bytes, called, type Node } from './nodes/words'

function sentence(all: Node[], t: Speech['t']): string {
  if (all.length === 0) return t('node_none')
  const dead = all.filter((node) => !node.live).length
  if (dead) return t('node_some_dead', { dead, count: all.length })
  const versions = [...new Set(all.map((node) => node.version))].sort()
  const [version] = versions
  if (versions.length > 1 || version === undefined)
    return t('node_versions', { count: all.length, versions: versions.map((one) => `v${one}`).join(', ') })
  return all.length === 1 ? t('node_says_one', { version }) : t('node_says', { count: all.length, version })
}

function Life({ node }: { node: Node }) {
  const { t } = useSpeech()
  if (node.lost) return <State mood="none">{t('node_lost')}</State>
  if (!node.live) return <State mood="bad">{t('node_dead')}</State>
  if (node.ending) return <State mood="warn">{t('node_ending')}</State>
  if (node.resting) return <State mood="warn">{t('node_resting')}</State>
  if (node.redis_away)
    return (
      <span title={t('node_redis_away_hint')}>
        <State mood="warn">{t('node_redis_away')}</State>
      </span>
    )
  return <State mood="good">{t('node_live')}</State>
}

export function Nodes() {
  const { t, language } = useSpeech()
  const me = useMe()
  const [wish, setWish] = useState<Wish | null>(null)
  const nodes = useQuery({
    queryKey: ['nodes'],
    enabled: me.role >= ROLES.admin,
    queryFn: () => data(api.GET('/api/node')),
    refetchInterval: 5_000,
  })
  if (me.role < ROLES.admin) return <p>{t('error_forbidden')}</p>
  const all = nodes.data ?? []
  const number = (value: number) =>
    new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)
  const columns: Column<Node>[] = [
    {
      key: 'name',
      head: t('node_name'),
      show: (node) => (
        <span className="break-all" title={node.id}>
          {called(node)}
          {node.on_duty && node.live ? (
            <span className="ml-2 text-xs text-soft" title={t('node_on_duty_hint')}>
              {t('node_on_duty')}
            </span>
          ) : null}
        </span>
      ),
    },
    { key: 'life', head: t('status'), show: (node) => <Life node={node} /> },
    {
      key: 'version',
      head: t('node_version'),
      show: (node) => (
        <span className="inline-flex flex-wrap items-center gap-2">
          {node.version ? `v${node.version}` : '–'}
          {behind(node, all) ? (
            <span title={t('node_behind_hint')}>
              <State mood="warn">{t('node_behind')}</State>
            </span>
          ) : null}
        </span>
      ),
    },
    {
      key: 'since',
      head: t('node_since'),
      show: (node) => (node.started ? <Time at={node.started} /> : '–'),
    },
    {
      key: 'rate',
      head: t('node_rate'),
      right: true,
      show: (node) => number(node.requests_per_second),
    },
    { key: 'open', head: t('node_in_flight'), right: true, show: (node) => exact(node.in_flight, language) },
    {
      key: 'lag',
      head: t('node_lag'),
      right: true,
      show: (node) => bytes(node.journal_lag_bytes, language),
    },
    {
      key: 'leased',
      head: t('node_leased'),
      right: true,
      show: (node) => usd(node.leased_usd, language),
    },
    {
      key: 'memory',
      head: t('node_memory'),
      right: true,
      show: (node) => (node.rss_bytes ? bytes(node.rss_bytes, language) : '–'),
    },
    ...(all.some((node) => node.certificate_until)
      ? [
          {
            key: 'certificate',
            head: t('node_certificate'),
            show: (node: Node) => (node.certificate_until ? <Time at={node.certificate_until} /> : '–'),
          },
        ]
      : []),
    { key: 'seen', head: t('node_seen'), show: (node) => (node.seen_at ? <Time at={node.seen_at} /> : '–') },
  ]
  return (
    <>
      <h1 className="text-xl font-semibold">{t('nodes')}</h1>
      {nodes.data ? <p role="status">{sentence(all, t)}</p> : null}
      <Table
        caption={t('nodes')}
        columns={columns}
        rows={nodes.data}
        id={(node) => node.id}
        error={nodes.data ? undefined : nodes.error}
        retry={() => nodes.refetch()}
        {...(me.role >= ROLES.root ? { actions: (node: Node) => <Wishes node={node} wish={setWish} /> } : {})}
        empty={<Empty icon={<Server className="size-6" aria-hidden />} title={t('node_none')} />}
      />
      <p className="max-w-3xl text-xs text-soft">{t('node_clock')}</p>
      {wish ? <Ask {...wish} close={() => setWish(null)} /> : null}
    </>
  )
}
