// The name that is shown, the address, the password.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useMe, useSite } from '../../api/session'
import { useSpeech } from '../../i18n'
import { withId } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Card } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'

function Email() {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const user = useMe()
  const [email, setEmail] = useState('')
  const [code, setCode] = useState('')
  const [mailed, setMailed] = useState(false)
  const mail = useMutation({
    mutationFn: () =>
      whole(api.GET('/api/verification', { params: { query: { email: email.trim() } as never } })),
    onSuccess: () => setMailed(true),
    onError: failed,
  })
  const bind = useMutation({
    mutationFn: () =>
      whole(
        api.GET('/api/oauth/email/bind', {
          params: { query: { email: email.trim(), code: code.trim() } as never },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['me'] })
      setMailed(false)
      setEmail('')
      setCode('')
      say(t('account_email_bound'))
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (mailed) bind.mutate()
    else mail.mutate()
  }
  return (
    <form onSubmit={submit} className="flex flex-col items-start gap-3">
      <Input
        label={t('account_email_new')}
        hint={user.email ? t('account_email_is', { email: user.email }) : t('account_email_none')}
        type="email"
        autoComplete="email"
        required
        value={email}
        onChange={(event) => {
          setEmail(event.target.value)
          setMailed(false)
        }}
      />
      {mailed ? (
        <Input
          label={t('sign_code')}
          hint={t('sign_code_mailed')}
          autoComplete="one-time-code"
          required
          value={code}
          error={bind.error ? explained(bind.error, t) : undefined}
          onChange={(event) => setCode(event.target.value)}
        />
      ) : null}
      <Button type="submit" busy={mail.isPending || bind.isPending}>
        {mailed ? t('account_email_bind') : t('sign_mail_code')}
      </Button>
    </form>
  )
}

export function Profile() {
  const { t } = useSpeech()
  const site = useSite()
  const user = useMe()
  const [name, setName] = useState(user.display_name)
  const save = useChange({
    run: ({ name }: { name: string; before: string }) =>
      data(api.PUT('/api/user/self', { body: { display_name: name } })),
    concerns: [['me']],
    shown: ({ name }) => [[['me'], withId<Schemas['User']>(user.id, { display_name: name })]],
    back: ({ name, before }) => ({ name: before, before: name }),
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => 'name',
    done: (_told, wanted) => setName(wanted.name),
    refused: () => {},
  })
  const fixed = user.owner === 'file'
  return (
    <Card title={t('account_profile')}>
      <div className="flex flex-col gap-4">
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
          <dt className="text-soft">{t('sign_name')}</dt>
          <dd>
            {user.username} {fixed ? <span className="text-soft">({t('from_file')})</span> : null}
          </dd>
          <dt className="text-soft">{t('account_group')}</dt>
          <dd>{user.group}</dd>
          {user.email ? (
            <>
              <dt className="text-soft">{t('sign_email')}</dt>
              <dd className="break-all">{user.email}</dd>
            </>
          ) : null}
        </dl>
        {fixed ? null : (
          <form
            className="flex flex-col items-start gap-3"
            onSubmit={(event) => {
              event.preventDefault()
              save.mutate({ name: name.trim(), before: user.display_name })
            }}
          >
            <Input
              label={t('account_display')}
              maxLength={64}
              value={name}
              error={save.error ? explained(save.error, t) : undefined}
              onChange={(event) => setName(event.target.value)}
            />
            <Button type="submit" busy={save.isPending} disabled={name.trim() === user.display_name}>
              {t('save')}
            </Button>
          </form>
        )}
        {!fixed && site?.email_verification && !site.turnstile_check ? <Email /> : null}
      </div>
    </Card>
  )
}

export function Password() {
  const { t } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const user = useMe()
  const [chosen, setChosen] = useState('')
  const save = useMutation({
    mutationFn: () => data(api.PUT('/api/user/self', { body: { password: chosen } })),
    onSuccess: () => {
      setChosen('')
      queries.invalidateQueries({ queryKey: ['sessions'] })
      say(t('account_password_changed'))
    },
  })
  if (user.owner === 'file') return null
  return (
    <Card title={t('password')}>
      <form
        className="flex flex-col items-start gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <p className="text-soft">{t('account_password_says')}</p>
        <Input
          label={t('new_password')}
          hint={t('new_password_hint')}
          type="password"
          autoComplete="new-password"
          minLength={8}
          maxLength={256}
          required
          value={chosen}
          error={save.error ? explained(save.error, t) : undefined}
          onChange={(event) => setChosen(event.target.value)}
        />
        <Button type="submit" busy={save.isPending}>
          {t('account_password_set')}
        </Button>
      </form>
    </Card>
  )
}
