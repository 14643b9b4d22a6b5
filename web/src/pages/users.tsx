// Accounts: found, given credit, banned, changed.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Users as Picture, Plus } from 'lucide-react'
import { useState } from 'react'
import { api, whole } from '../api/client'
import { useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { quotaUsd } from '../lib/money'
import { Button } from '../ui/button'
import { Select } from '../ui/field'
import { ListHead } from '../ui/head'
import { Count, Empty, Money, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { Views } from '../ui/views'
import { Credit } from './users/credit'
import { UserDrawer } from './users/drawer'
import { MakeUser } from './users/make'
import { reaches, type User, UserState, useRole } from './users/show'

const PAGE = 50
const ORDERS = ['', 'balance', 'used', 'request_count'] as const

export function Users() {
  const { t } = useSpeech()
  const me = useMe()
  const role = useRole()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as {
    new?: string
    id?: string
    p?: string
    q?: string
    order?: string
  }
  const page = Number(search.p ?? 0) || 0
  const [crediting, setCrediting] = useState<User | null>(null)
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/users', search: { ...search, ...change } as never, replace: true })
  const users = useQuery({
    queryKey: ['users', page, search.q, search.order],
    queryFn: () =>
      whole(
        api.GET('/api/user', {
          params: {
            query: {
              p: page,
              page_size: PAGE,
              keyword: search.q ?? null,
              order: search.order ?? null,
            },
          },
        }),
      ),
    placeholderData: (before) => before,
  })
  const rows = users.data?.data
  const names = {
    '': 'user_by_new',
    balance: 'user_balance',
    used: 'user_used',
    request_count: 'user_requests',
  } as const
  const columns: Column<User>[] = [
    { key: 'name', head: t('user_name'), show: (user) => user.username },
    {
      key: 'who',
      head: t('user_display'),
      wide: true,
      show: (user) => (
        <span className="inline-block max-w-56 truncate align-bottom" title={user.email}>
          {user.display_name || user.email || '–'}
        </span>
      ),
    },
    { key: 'group', head: t('user_group'), show: (user) => user.group },
    { key: 'role', head: t('user_role'), wide: true, show: (user) => role(user.role) },
    { key: 'state', head: t('status'), show: (user) => <UserState user={user} /> },
    {
      key: 'balance',
      head: t('user_balance'),
      right: true,
      show: (user) => <Money usd={user.balance_usd} />,
    },
    {
      key: 'used',
      head: t('user_used'),
      right: true,
      show: (user) => <Money usd={quotaUsd(user.used_quota)} />,
    },
    {
      key: 'requests',
      head: t('user_requests'),
      right: true,
      wide: true,
      show: (user) => <Count of={user.request_count} />,
    },
    { key: 'since', head: t('user_since'), wide: true, show: (user) => <Time at={user.created_time} /> },
  ]
  return (
    <>
      <ListHead
        title={t('users')}
        search={{ label: t('user_search'), value: search.q, change: (q) => go({ q: q, p: undefined }) }}
      >
        <Views page="/users" filters={{ ...search, p: undefined, id: undefined, new: undefined }} />
        <Select
          hidden
          label={t('user_order')}
          value={search.order ?? ''}
          onChange={(event) => go({ order: event.target.value || undefined, p: undefined })}
        >
          {ORDERS.map((order) => (
            <option key={order} value={order}>
              {t(names[order])}
            </option>
          ))}
        </Select>
        <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
          {t('user_new')}
        </Button>
      </ListHead>
      <Table
        caption={t('users')}
        name="users"
        current={search.id ? Number(search.id) : undefined}
        columns={columns}
        rows={rows}
        id={(user) => user.id}
        error={users.error}
        retry={() => users.refetch()}
        open={(user) => go({ id: String(user.id) })}
        empty={<Empty icon={<Picture className="size-6" aria-hidden />} title={t('nothing_found')} />}
        actions={(user) =>
          reaches(me, user) ? (
            <Button
              look="quiet"
              aria-label={`${t('user_credit')}: ${user.username}`}
              onClick={() => setCrediting(user)}
            >
              {t('user_credit')}
            </Button>
          ) : null
        }
      />
      <Pages page={page} more={rows?.length === PAGE} go={(p) => go({ p: String(p) })} />
      {search.new ? (
        <MakeUser
          close={() => go({ new: undefined })}
          made={(id) => go({ new: undefined, id: String(id) })}
        />
      ) : null}
      {search.id ? (
        <UserDrawer
          key={search.id}
          id={Number(search.id)}
          row={rows?.find((user) => String(user.id) === search.id)}
          close={() => go({ id: undefined })}
        />
      ) : null}
      {crediting ? <Credit user={crediting} close={() => setCrediting(null)} /> : null}
    </>
  )
}
