// What an administrator changes of an account.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, data, type Schemas } from '../../api/client'
import { ROLES, useMe } from '../../api/session'
import { useSpeech } from '../../i18n'
import { limitsDraft, limitsFaults, limitsOf } from '../../lib/limits'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input, Select } from '../../ui/field'
import { LimitFields } from '../../ui/limits'
import { useSay } from '../../ui/toast'
import { groupNames } from '../channels/queries'
import type { User } from './show'

const fieldsOf = (user: User) => ({
  username: user.username,
  display_name: user.display_name,
  email: user.email,
  group: user.group,
  role: String(user.role),
})

export function UserForm({ user }: { user: User }) {
  const { t } = useSpeech()
  const me = useMe()
  const say = useSay()
  const queries = useQueryClient()
  const { data: groups } = useQuery(groupNames)
  const [draft, setDraft] = useState(() => fieldsOf(user))
  const [limits, setLimits] = useState(() => limitsDraft(user.limits))
  const fixed = user.owner === 'file'
  const before = fieldsOf(user)
  const changes: Record<string, unknown> = {}
  for (const key of Object.keys(before) as (keyof typeof before)[])
    if (draft[key] !== before[key]) changes[key] = key === 'role' ? Number(draft[key]) : draft[key].trim()
  if (JSON.stringify(limits) !== JSON.stringify(limitsDraft(user.limits)))
    changes.limits = limitsOf(limits, user.limits)
  const changed = Object.keys(changes).length > 0
  const save = useMutation({
    mutationFn: () =>
      data(api.PUT('/api/user', { body: { id: user.id, ...changes } as Schemas['AccountChange'] })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['users'] })
      queries.invalidateQueries({ queryKey: ['user'] })
      say(t('saved'))
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (limitsFaults(limits).length === 0) save.mutate()
  }
  const field = (key: keyof typeof draft) => ({
    value: draft[key],
    disabled: fixed,
    onChange: (event: { target: { value: string } }) => setDraft({ ...draft, [key]: event.target.value }),
  })
  const known = groups ?? []
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Input label={t('user_name')} required maxLength={64} {...field('username')} />
        <Input label={t('user_display')} {...field('display_name')} />
        <Input label={t('user_email')} type="email" {...field('email')} />
        <Select label={t('user_group')} {...field('group')}>
          {(known.includes(user.group) ? known : [user.group, ...known]).map((one) => (
            <option key={one}>{one}</option>
          ))}
        </Select>
        {me.role >= ROLES.root && user.role < ROLES.root ? (
          <Select label={t('user_role')} {...field('role')}>
            <option value="1">{t('user_role_1')}</option>
            <option value="10">{t('user_role_10')}</option>
          </Select>
        ) : null}
      </div>
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-2 font-medium">{t('user_limits')}</legend>
        <LimitFields draft={limits} change={setLimits} disabled={fixed} />
      </fieldset>
      {save.error ? (
        <p role="alert" className="text-bad">
          {explained(save.error, t)}
        </p>
      ) : null}
      {fixed ? null : (
        <div>
          <Button
            type="submit"
            look="main"
            disabled={!changed || limitsFaults(limits).length > 0}
            busy={save.isPending}
          >
            {t('save')}
          </Button>
        </div>
      )}
    </form>
  )
}
