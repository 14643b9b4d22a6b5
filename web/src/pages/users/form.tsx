// What an administrator changes of an account.
import { useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { api, data, type Schemas } from '../../api/client'
import { ROLES, useMe } from '../../api/session'
import { useSpeech } from '../../i18n'
import { useDraft } from '../../lib/draft'
import { limitsDraft, limitsFaults, limitsOf } from '../../lib/limits'
import { withId } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { explained } from '../../ui/errors'
import { Input, Select } from '../../ui/field'
import { LimitFields } from '../../ui/limits'
import { groupNames } from '../channels/queries'
import type { User } from './show'

const draftOf = (user: User) => ({
  username: user.username,
  display_name: user.display_name,
  email: user.email,
  group: user.group,
  role: String(user.role),
  limits: limitsDraft(user.limits),
})

type Draft = ReturnType<typeof draftOf>
type Field = Exclude<keyof Draft, 'limits'>
type Fields = Partial<Record<Field, string>> & { limits?: object }

interface Wanted {
  changes: Fields
  /** What undoes them. */
  former: Fields
  /** The form that says so. */
  draft: Draft
}

export function UserForm({ user }: { user: User }) {
  const { t } = useSpeech()
  const me = useMe()
  const { data: groups } = useQuery(groupNames)
  const before = draftOf(user)
  const { draft, change, took } = useDraft(before)
  const fixed = user.owner === 'file'
  const changes: Fields = {}
  const former: Fields = {}
  for (const key of Object.keys(before) as (keyof Draft)[]) {
    if (JSON.stringify(draft[key]) === JSON.stringify(before[key])) continue
    if (key === 'limits') {
      changes.limits = limitsOf(draft.limits, user.limits)
      former.limits = limitsOf(before.limits, user.limits)
    } else {
      changes[key] = draft[key].trim()
      former[key] = before[key]
    }
  }
  const changed = Object.keys(changes).length > 0
  const save = useChange({
    run: ({ changes: { role, ...rest } }: Wanted) =>
      data(
        api.PUT('/api/user', {
          body: { id: user.id, ...rest, ...(role ? { role: Number(role) } : {}) } as Schemas['AccountChange'],
        }),
      ),
    concerns: [['users'], ['user']],
    shown: ({ changes: { role, limits: _, ...rest } }) => [
      [['users'], withId<User>(user.id, { ...rest, ...(role ? { role: Number(role) } : {}) })],
    ],
    back: ({ changes, former }, told) => ({ changes: former, former: changes, draft: draftOf(told) }),
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => `fields of user ${user.id}`,
    done: (told, { draft }) => took(draft, draftOf(told)),
    refused: () => {},
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (limitsFaults(draft.limits).length === 0) save.mutate({ changes, former, draft })
  }
  const field = (key: Field) => ({
    value: draft[key],
    disabled: fixed,
    onChange: (event: { target: { value: string } }) => change({ ...draft, [key]: event.target.value }),
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
        <LimitFields
          draft={draft.limits}
          change={(limits) => change({ ...draft, limits })}
          disabled={fixed}
        />
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
            disabled={!changed || limitsFaults(draft.limits).length > 0}
            busy={save.isPending}
          >
            {t('save')}
          </Button>
        </div>
      )}
    </form>
  )
}
