// A new account.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, data } from '../../api/client'
import { ROLES, useMe } from '../../api/session'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input, Select } from '../../ui/field'
import { Code } from '../../ui/show'
import { groupNames } from '../channels/queries'

export function MakeUser({ close, made }: { close: () => void; made: (id: number) => void }) {
  const { t } = useSpeech()
  const me = useMe()
  const queries = useQueryClient()
  const { data: groups } = useQuery(groupNames)
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [display, setDisplay] = useState('')
  const [email, setEmail] = useState('')
  const [group, setGroup] = useState('default')
  const [role, setRole] = useState('1')
  const create = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/user', {
          body: {
            username: username.trim(),
            password,
            display_name: display.trim() || null,
            email: email.trim() || null,
            group,
            role: Number(role),
          },
        }),
      ),
    onSuccess: (user) => {
      queries.invalidateQueries({ queryKey: ['users'] })
      if (!user.default_token) made(user.id)
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  const told = create.data
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('user_new')}>
      {told?.default_token ? (
        <div className="flex flex-col gap-4">
          <p>{t('user_first_key', { name: told.username })}</p>
          <Code
            text={told.default_token.startsWith('sk-') ? told.default_token : `sk-${told.default_token}`}
          />
          <div>
            <Button look="main" onClick={() => made(told.id)}>
              {t('user_done')}
            </Button>
          </div>
        </div>
      ) : (
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Input
            label={t('user_name')}
            required
            autoFocus
            autoComplete="off"
            maxLength={64}
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
          <Input
            label={t('user_password')}
            hint={t('user_password_hint')}
            type="password"
            autoComplete="new-password"
            required
            minLength={8}
            maxLength={256}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          <Input
            label={t('user_display')}
            value={display}
            onChange={(event) => setDisplay(event.target.value)}
          />
          <Input
            label={t('user_email')}
            type="email"
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
          <Select label={t('user_group')} value={group} onChange={(event) => setGroup(event.target.value)}>
            {(groups ?? ['default']).map((one) => (
              <option key={one}>{one}</option>
            ))}
          </Select>
          {me.role >= ROLES.root ? (
            <Select label={t('user_role')} value={role} onChange={(event) => setRole(event.target.value)}>
              <option value="1">{t('user_role_1')}</option>
              <option value="10">{t('user_role_10')}</option>
            </Select>
          ) : null}
          {create.error ? (
            <p role="alert" className="text-bad">
              {explained(create.error, t)}
            </p>
          ) : null}
          <div>
            <Button type="submit" look="main" busy={create.isPending}>
              {t('create')}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
