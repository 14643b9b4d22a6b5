// An account in a drawer: who it is, what it has, what can be done with it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError, api, data, whole } from '../../api/client'
import { useMe } from '../../api/session'
import { useSpeech } from '../../i18n'
import { quotaUsd } from '../../lib/money'
import { withId } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Confirm } from '../../ui/confirm'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { Count, Money, Time } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'
import { Credit } from './credit'
import { UserForm } from './form'
import { reaches, type User, UserState, useRole } from './show'

type Doing = 'credit' | 'ban' | 'totp' | 'passkeys' | 'delete' | null

const ASKED = {
  ban: ['user_ban_title', 'user_ban_hint', 'user_ban'],
  totp: ['user_totp_title', 'user_totp_hint', 'user_totp'],
  passkeys: ['user_passkeys_title', 'user_passkeys_hint', 'user_passkeys'],
  delete: ['user_delete_title', 'user_delete_hint', 'delete'],
} as const

function Facts({ user }: { user: User }) {
  const { t } = useSpeech()
  const role = useRole()
  const rows = [
    [t('status'), <UserState key="state" user={user} />],
    [t('user_role'), role(user.role)],
    [t('user_balance'), <Money key="balance" usd={user.balance_usd} />],
    [t('user_used'), <Money key="used" usd={quotaUsd(user.used_quota)} />],
    [t('user_requests'), <Count key="count" of={user.request_count} />],
    [t('user_since'), <Time key="since" at={user.created_time} />],
  ] as const
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt className="text-xs text-soft">{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Actions({ user, close }: { user: User; close: () => void }) {
  const { t } = useSpeech()
  const me = useMe()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const [doing, setDoing] = useState<Doing>(null)
  const { id, username } = user
  const lesser = user.role < me.role
  const refresh = () => {
    queries.invalidateQueries({ queryKey: ['users'] })
    queries.invalidateQueries({ queryKey: ['user'] })
  }
  const manage = (action: string) => whole(api.POST('/api/user/manage', { body: { username, action } }))
  const ban = useChange({
    run: (status: number) => manage(status === 1 ? 'enable' : 'disable'),
    concerns: [['users'], ['user']],
    shown: (status) => [
      [['users'], withId<User>(id, { status })],
      [['user', id], withId<User>(id, { status })],
    ],
    back: (status) => (status === 1 ? 2 : 1),
    says: (status) => t(status === 1 ? 'user_unbanned' : 'user_banned', { name: username }),
    about: () => `status of user ${id}`,
  })
  const act = useMutation({
    mutationFn: async (what: 'totp' | 'passkeys' | 'delete'): Promise<unknown> => {
      if (what === 'totp') return whole(api.DELETE('/api/user/{id}/totp', { params: { path: { id } } }))
      if (what === 'passkeys')
        return whole(api.DELETE('/api/user/{id}/passkeys', { params: { path: { id } } }))
      return manage('delete')
    },
    onSuccess: (_, what) => {
      refresh()
      setDoing(null)
      if (what === 'totp' || what === 'passkeys') say(t('user_factor_gone', { name: username }))
      if (what === 'delete') {
        say(t('user_deleted', { name: username }))
        close()
      }
    },
    onError: (error) => {
      setDoing(null)
      if (error instanceof ApiError && error.code === 'not_found') say(t('user_no_factor'))
      else failed(error)
    },
  })
  const asked = doing && doing !== 'credit' ? ASKED[doing] : null
  const link =
    'inline-flex min-h-8 items-center rounded-md border border-line px-3 py-1 font-medium hover:bg-raised max-md:min-h-11'
  return (
    <div className="flex flex-wrap gap-2">
      <Button look="main" onClick={() => setDoing('credit')}>
        {t('user_credit')}
      </Button>
      <Link to="/logs" search={{ user: username } as never} className={link}>
        {t('user_logs')}
      </Link>
      {lesser && user.owner !== 'file' ? (
        <>
          {user.status === 1 ? (
            <Button onClick={() => setDoing('ban')}>{t('user_ban')}</Button>
          ) : (
            <Button busy={ban.isPending} onClick={() => ban.mutate(1)}>
              {t('user_unban')}
            </Button>
          )}
          <Button onClick={() => setDoing('totp')}>{t('user_totp')}</Button>
          <Button onClick={() => setDoing('passkeys')}>{t('user_passkeys')}</Button>
          <Button look="danger" onClick={() => setDoing('delete')}>
            {t('delete')}
          </Button>
        </>
      ) : null}
      {doing === 'credit' ? <Credit user={user} close={() => setDoing(null)} /> : null}
      {doing && doing !== 'credit' && asked ? (
        <Confirm
          danger
          title={t(asked[0], { name: username })}
          description={t(asked[1])}
          action={t(asked[2])}
          busy={act.isPending}
          run={() => {
            if (doing !== 'ban') return act.mutate(doing)
            ban.mutate(2)
            setDoing(null)
          }}
          close={() => setDoing(null)}
        />
      ) : null}
    </div>
  )
}

/** `row`: what the list knows of the account; all there is of those that the caller may not open. */
export function UserDrawer({ id, row, close }: { id: number; row: User | undefined; close: () => void }) {
  const { t } = useSpeech()
  const me = useMe()
  const hidden = row !== undefined && !reaches(me, row)
  const asked = useQuery({
    queryKey: ['user', id],
    enabled: !hidden,
    queryFn: () => data(api.GET('/api/user/{id}', { params: { path: { id } } })),
  })
  const user = hidden ? row : asked.data
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={user?.username ?? t('users')} side>
      {asked.error ? <Failure error={asked.error} retry={() => asked.refetch()} /> : null}
      {user ? (
        <div className="flex flex-col gap-5">
          <Facts user={user} />
          {user.owner === 'file' ? <p className="text-soft">{t('from_file')}</p> : null}
          {hidden ? (
            <p className="text-soft">{t('user_above')}</p>
          ) : (
            <>
              <Actions user={user} close={close} />
              <section className="flex flex-col gap-3 border-t border-line pt-4">
                <h3 className="font-semibold">{t('user_account')}</h3>
                <UserForm key={user.id} user={user} />
              </section>
            </>
          )}
        </div>
      ) : null}
    </Dialog>
  )
}
