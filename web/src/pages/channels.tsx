// Channels: accounts at vendors. Added with a key, tested, paused, changed one by one or many at once.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Network, Plus } from 'lucide-react'
import { useState } from 'react'
import { api, data, whole } from '../api/client'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Confirm } from '../ui/confirm'
import { Input } from '../ui/field'
import { Count, Empty, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed, useSay } from '../ui/toast'
import { Add } from './channels/add'
import { Batch } from './channels/batch'
import { Editor } from './channels/editor'
import { type Channel, usePause, useRefresh, useTypeName } from './channels/queries'
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
  const search = useSearch({ strict: false }) as { new?: string; id?: string; p?: string; q?: string }
  const page = Number(search.p ?? 0) || 0
  const [chosen, setChosen] = useState<ReadonlySet<string | number>>(new Set())
  const [clearing, setClearing] = useState(false)
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/channels', search: { ...search, ...change } as never, replace: true })
  const channels = useQuery({
    queryKey: ['channels', page, search.q],
    queryFn: () =>
      whole(
        api.GET('/api/channel', {
          params: { query: { p: page, page_size: PAGE, keyword: search.q ?? null } },
        }),
      ),
    placeholderData: (before) => before,
    refetchInterval: 15_000,
  })
  const rows = channels.data?.data
  const testAll = useMutation({
    mutationFn: () => whole(api.GET('/api/channel/test', { params: { query: { scope: 'all' } as never } })),
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
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('channels')}</h1>
        <div className="flex flex-wrap items-end gap-2">
          <Input
            hidden
            label={t('channel_search')}
            placeholder={t('channel_search')}
            type="search"
            className="sm:w-64"
            defaultValue={search.q ?? ''}
            onChange={(event) => {
              setChosen(new Set())
              go({ q: event.target.value || undefined, p: undefined })
            }}
          />
          <Button busy={testAll.isPending} onClick={() => testAll.mutate()}>
            {t('channel_test_all')}
          </Button>
          <Button onClick={() => setClearing(true)}>{t('channel_clear')}</Button>
          <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
            {t('channel_add')}
          </Button>
        </div>
      </div>
      {ids.length ? <Batch ids={ids} clear={() => setChosen(new Set())} /> : null}
      <Table
        caption={t('channels')}
        columns={columns}
        rows={rows}
        id={(channel) => channel.id}
        error={channels.error}
        retry={() => channels.refetch()}
        open={(channel) => go({ id: String(channel.id) })}
        chosen={chosen}
        choose={setChosen}
        empty={
          <Empty
            icon={<Network className="size-6" aria-hidden />}
            title={search.q ? t('nothing_found') : t('channel_empty')}
          />
        }
        actions={(channel) =>
          channel.owner === 'file' ? (
            <span className="text-xs text-soft">{t('from_file')}</span>
          ) : (
            <Button
              look="quiet"
              aria-label={`${channel.status === 1 ? t('channel_pause') : t('channel_resume')} ${channel.name}`}
              onClick={() => pause.mutate({ channel, status: channel.status === 1 ? 2 : 1 })}
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
          setChosen(new Set())
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
