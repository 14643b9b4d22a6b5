// Keys (tokens): made, copied into programs, rotated, switched off.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { KeyRound, Plus, RefreshCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, type Schemas, whole } from '../api/client'
import { useSpeech } from '../i18n'
import { quotaUsd } from '../lib/money'
import { withId } from '../lib/rows'
import { Button, IconButton } from '../ui/button'
import { useChange } from '../ui/change'
import { Dialog } from '../ui/dialog'
import { ListHead } from '../ui/head'
import { Empty, Money, State, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed, useSay } from '../ui/toast'
import { Making } from './keys/making'
import { NewKey } from './keys/new-key'

type Token = Schemas['Token']
const PAGE = 20

/** A key that is enabled or disabled, and what it was. */
type Switched = Pick<Token, 'id' | 'name' | 'status'> & { before: number }

const STATES = {
  1: { mood: 'good', name: 'status_enabled' },
  2: { mood: 'none', name: 'status_disabled' },
  3: { mood: 'warn', name: 'status_expired' },
  4: { mood: 'bad', name: 'status_used_up' },
} as const

export function Keys() {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { new?: string; p?: string; q?: string }
  const page = Number(search.p ?? 0) || 0
  const [fresh, setFresh] = useState<Token | null>(null)
  const [rotating, setRotating] = useState<Token | null>(null)
  const [deleting, setDeleting] = useState<Token | null>(null)
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/keys', search: { ...search, ...change } as never, replace: true })

  const tokens = useQuery({
    queryKey: ['tokens', page, search.q],
    queryFn: async () => {
      if (search.q)
        return whole(api.GET('/api/token/search', { params: { query: { keyword: search.q } as never } }))
      return whole(
        api.GET('/api/token', { params: { query: { p: String(page), page_size: String(PAGE) } as never } }),
      )
    },
    placeholderData: (before) => before,
  })
  const rows = tokens.data?.data as Token[] | undefined
  const refresh = () => queries.invalidateQueries({ queryKey: ['tokens'] })
  const change = useChange({
    run: ({ id, status }: Switched) =>
      whole(
        api.PUT('/api/token', { body: { id, status }, params: { query: { status_only: '1' } as never } }),
      ),
    concerns: [['tokens']],
    shown: ({ id, status }) => [[['tokens'], withId<Token>(id, { status })]],
    back: ({ status, before, ...token }) => ({ ...token, status: before, before: status }),
    says: ({ name, status }) => t(status === 1 ? 'key_enabled' : 'key_disabled', { name }),
    about: ({ id }) => `token ${id}`,
  })
  const rotate = useMutation({
    mutationFn: async ({ id, overlap }: { id: number; overlap: number }) =>
      (
        await whole(
          api.POST('/api/token/{id}/rotate', {
            params: { path: { id } as never },
            body: { overlap_seconds: overlap },
          }),
        )
      ).data as Token,
    onSuccess: (token) => {
      refresh()
      setRotating(null)
      setFresh(token)
    },
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: (id: number) => whole(api.DELETE('/api/token/{id}', { params: { path: { id } as never } })),
    onSuccess: () => {
      refresh()
      say(t('key_deleted', { name: deleting?.name ?? '' }))
      setDeleting(null)
    },
    onError: failed,
  })

  const columns: Column<Token>[] = [
    { key: 'name', head: t('name'), show: (token) => token.name },
    { key: 'key', head: t('key'), show: (token) => <code className="font-mono text-xs">{token.key}</code> },
    {
      key: 'status',
      head: t('status'),
      show: (token) => {
        const state = STATES[token.status as keyof typeof STATES] ?? STATES[2]
        return <State mood={state.mood}>{t(state.name)}</State>
      },
    },
    {
      key: 'used',
      head: t('used'),
      right: true,
      show: (token) => <Money usd={quotaUsd(token.used_quota)} />,
    },
    {
      key: 'left',
      head: t('remaining'),
      right: true,
      show: (token) =>
        token.unlimited_quota ? (
          <span className="text-soft">{t('no_limit')}</span>
        ) : (
          <Money usd={quotaUsd(token.remain_quota)} />
        ),
    },
    { key: 'last', head: t('last_used'), wide: true, show: (token) => <Time at={token.accessed_time} /> },
    { key: 'expires', head: t('expires'), wide: true, show: (token) => <Time at={token.expired_time} /> },
  ]
  return (
    <>
      <ListHead
        title={t('keys')}
        search={{ label: t('search_keys'), value: search.q, change: (q) => go({ q: q, p: undefined }) }}
      >
        <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
          {t('new_key')}
        </Button>
      </ListHead>
      <Table
        caption={t('keys')}
        name="keys"
        columns={columns}
        rows={rows}
        id={(token) => token.id}
        error={tokens.error}
        retry={() => tokens.refetch()}
        empty={
          <Empty
            icon={<KeyRound className="size-6" aria-hidden />}
            title={search.q ? t('nothing_found') : t('keys_empty')}
          />
        }
        actions={(token) =>
          token.owner === 'file' ? (
            <span className="text-xs text-soft">{t('from_file')}</span>
          ) : (
            <>
              <Button
                look="quiet"
                onClick={() => {
                  const { id, name, status } = token
                  change.mutate({ id, name, status: status === 1 ? 2 : 1, before: status })
                }}
              >
                {token.status === 1 ? t('disable') : t('enable')}
              </Button>
              <Button
                look="quiet"
                icon={<RefreshCw className="size-4" aria-hidden />}
                onClick={() => setRotating(token)}
              >
                {t('rotate')}
              </Button>
              <IconButton label={t('delete_key', { name: token.name })} onClick={() => setDeleting(token)}>
                <Trash2 className="size-4" aria-hidden />
              </IconButton>
            </>
          )
        }
      />
      {search.q ? null : <Pages page={page} more={rows?.length === PAGE} go={(p) => go({ p: String(p) })} />}
      {search.new ? (
        <Making
          close={() => go({ new: undefined })}
          made={(token) => {
            go({ new: undefined })
            setFresh(token)
          }}
        />
      ) : null}
      {fresh ? <NewKey token={fresh} close={() => setFresh(null)} /> : null}
      <Dialog
        open={rotating !== null}
        onOpenChange={(open) => !open && setRotating(null)}
        title={t('rotate_key', { name: rotating?.name ?? '' })}
        description={t('rotate_hint')}
      >
        <div className="flex flex-wrap gap-2">
          <Button
            look="main"
            busy={rotate.isPending}
            onClick={() => rotating && rotate.mutate({ id: rotating.id, overlap: 86_400 })}
          >
            {t('rotate_day')}
          </Button>
          <Button
            look="danger"
            disabled={rotate.isPending}
            onClick={() => rotating && rotate.mutate({ id: rotating.id, overlap: 0 })}
          >
            {t('rotate_now')}
          </Button>
        </div>
      </Dialog>
      <Dialog
        open={deleting !== null}
        onOpenChange={(open) => !open && setDeleting(null)}
        title={t('delete_key', { name: deleting?.name ?? '' })}
        description={t('delete_key_hint')}
      >
        <div className="flex gap-2">
          <Button
            look="danger"
            busy={remove.isPending}
            onClick={() => deleting && remove.mutate(deleting.id)}
          >
            {t('delete')}
          </Button>
          <Button onClick={() => setDeleting(null)}>{t('cancel')}</Button>
        </div>
      </Dialog>
    </>
  )
}
