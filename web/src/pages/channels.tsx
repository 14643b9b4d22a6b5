// Channels: accounts at vendors. Added with a key, tested, paused, changed one by one or many at once.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Network, Plus } from 'lucide-react'
import { useState } from 'react'
import { whole as answer, api, data } from '../api/client'
import { useSpeech } from '../i18n'
import { every } from '../lib/live'
import { Button } from '../ui/button'
import { Confirm } from '../ui/confirm'
import { ListHead } from '../ui/head'
import { Count, Empty, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed, useSay } from '../ui/toast'
import { Views } from '../ui/views'
import { Add } from './channels/add'
import { Batch } from './channels/batch'
import { asked, type Choice, Choices, chosenBy } from './channels/choice'
import { Editor } from './channels/editor'
import { type Channel, switched, usePause, useRefresh, useTypeName } from './channels/queries'
import { ChannelState } from './channels/state'

const PAGE = 50

export function Channels() {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const navigate = useNavigate()
  const refresh = useRefresh()
  const pause = usePause()
  const typeName = useTypeName()
  const search = useSearch({ strict: false }) as Choice & { new?: string; id?: string; p?: string }
  const page = Number(search.p ?? 0) || 0
  const [chosen, setChosen] = useState<ReadonlySet<string | number>>(new Set())
  const [whole, setWhole] = useState(false)
  const [clearing, setClearing] = useState(false)
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/channels', search: { ...search, ...change } as never, replace: true })
  const filter = asked(search)
  const channels = useQuery({
    queryKey: ['channels', page, search.order, filter],
    queryFn: () =>
      answer(
        api.GET('/api/channel', {
          params: { query: { p: page, page_size: PAGE, order: search.order ?? null, ...filter } },
        }),
      ),
    placeholderData: (before) => before,
    refetchInterval: every(15_000),
  })
  const rows = channels.data?.data
  const total = Number(channels.data?.total ?? 0)
  const choose = (ids: ReadonlySet<string | number>) => {
    setWhole(false)
    setChosen(ids)
  }
  const testAll = useMutation({
    mutationFn: () => answer(api.GET('/api/channel/test', { params: { query: { scope: 'all' } as never } })),
    onSuccess: () => say(t('channel_tests_begun')),
    onError: failed,
  })
  const clear = useMutation({
    mutationFn: () => data(api.DELETE('/api/channel/disabled')),
    onSuccess: (count) => {
      refresh()
      setClearing(false)
      say(t('channel_many_deleted', { count }))
    },
    onError: failed,
  })
  const columns: Column<Channel>[] = [
    { key: 'name', head: t('name'), show: (channel) => channel.name || `#${channel.id}` },
    { key: 'type', head: t('channel_type'), show: (channel) => typeName(channel.type) },
    { key: 'state', head: t('status'), show: (channel) => <ChannelState channel={channel} /> },
    {
      key: 'groups',
      head: t('channel_groups'),
      wide: true,
      show: (channel) => channel.group.split(',').join(', '),
    },
    {
      key: 'models',
      head: t('channel_models'),
      right: true,
      show: (channel) => (
        <span title={channel.models.split(',').join(', ')}>
          <Count of={channel.models.split(',').filter(Boolean).length} />
        </span>
      ),
    },
    {
      key: 'order',
      head: t('channel_order'),
      right: true,
      wide: true,
      show: (channel) => `${channel.priority} / ${channel.weight}`,
    },
    {
      key: 'test',
      head: t('channel_last_test'),
      right: true,
      show: (channel) => (
        <>
          <Time at={channel.test_time} />
          {channel.test_time > 0 && channel.response_time > 0 ? (
            <span className="text-soft"> · {(channel.response_time / 1000).toFixed(2)} s</span>
          ) : null}
        </>
      ),
    },
    {
      key: 'balance',
      head: t('channel_balance'),
      right: true,
      wide: true,
      show: (channel) =>
        channel.balance_updated_time > 0 ? channel.balance.toFixed(2) : <span className="text-soft">–</span>,
    },
  ]
  const ids = [...chosen].map(Number)
  return (
    <>
      <ListHead
        title={t('channels')}
        search={{
          label: t('channel_search'),
          value: search.q,
          change: (q) => {
            choose(new Set())
            go({ q: q, p: undefined })
          },
        }}
      >
        <Views page="/channels" filters={{ ...search, p: undefined, id: undefined, new: undefined }} />
        <Button busy={testAll.isPending} onClick={() => testAll.mutate()}>
          {t('channel_test_all')}
        </Button>
        <Button onClick={() => setClearing(true)}>{t('channel_clear')}</Button>
        <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
          {t('channel_add')}
        </Button>
      </ListHead>
      <Choices
        choice={search}
        go={(change) => {
          choose(new Set())
          go({ ...change, p: undefined })
        }}
      />
      {ids.length ? (
        <Batch
          ids={ids}
          rows={rows ?? []}
          whole={whole ? { filter, count: total } : undefined}
          clear={() => choose(new Set())}
        />
      ) : null}
      {rows && rows.length > 0 && ids.length === rows.length && total > rows.length ? (
        <p className="flex flex-wrap items-center gap-3">
          {whole
            ? t('channel_all_chosen', { count: total })
            : t('channel_page_chosen', { count: ids.length })}
          <Button onClick={() => setWhole(!whole)}>
            {whole ? t('channel_choose_page') : t('channel_choose_all', { count: total })}
          </Button>
        </p>
      ) : null}
      <Table
        caption={t('channels')}
        name="channels"
        current={search.id ? Number(search.id) : undefined}
        columns={columns}
        rows={rows}
        id={(channel) => channel.id}
        error={channels.error}
        retry={() => channels.refetch()}
        open={(channel) => go({ id: String(channel.id) })}
        chosen={chosen}
        choose={choose}
        empty={
          <Empty
            icon={<Network className="size-6" aria-hidden />}
            title={chosenBy(search) ? t('nothing_found') : t('channel_empty')}
          />
        }
        actions={(channel) =>
          channel.owner === 'file' ? (
            <span className="text-xs text-soft">{t('from_file')}</span>
          ) : (
            <Button
              look="quiet"
              aria-label={`${channel.status === 1 ? t('channel_pause') : t('channel_resume')} ${channel.name}`}
              onClick={() => pause.mutate(switched(channel))}
            >
              {channel.status === 1 ? t('channel_pause') : t('channel_resume')}
            </Button>
          )
        }
      />
      <Pages
        page={page}
        more={rows?.length === PAGE}
        go={(p) => {
          choose(new Set())
          go({ p: String(p) })
        }}
      />
      {search.new ? (
        <Add close={() => go({ new: undefined })} edit={(id) => go({ new: undefined, id: String(id) })} />
      ) : null}
      {search.id ? (
        <Editor
          id={Number(search.id)}
          close={() => go({ id: undefined })}
          open={(id) => go({ id: String(id) })}
        />
      ) : null}
      {clearing ? (
        <Confirm
          danger
          title={t('channel_clear_title')}
          description={t('channel_clear_hint')}
          action={t('delete')}
          busy={clear.isPending}
          run={() => clear.mutate()}
          close={() => setClearing(false)}
        />
      ) : null}
    </>
  )
}
