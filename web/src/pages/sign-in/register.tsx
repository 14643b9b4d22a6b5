// An account of one's own.
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { ApiError, api, data, whole } from '../../api/client'
import { useSite } from '../../api/session'
import { useSpeech } from '../../i18n'
import { opened } from '../../lib/opened'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Code } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'
import { Frame, LINK, useArrive } from './frame'

function Address({ email, setEmail }: { email: string; setEmail: (email: string) => void }) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const mail = useMutation({
    mutationFn: () =>
      whole(api.GET('/api/verification', { params: { query: { email: email.trim() } as never } })),
    onSuccess: () => say(t('sign_code_mailed')),
    onError: failed,
  })
  return (
    <>
      <Input
        label={t('sign_email')}
        type="email"
        autoComplete="email"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Button busy={mail.isPending} disabled={!email.includes('@')} onClick={() => mail.mutate()}>
        {t('sign_mail_code')}
      </Button>
    </>
  )
}

export function Register() {
  const { t } = useSpeech()
  const site = useSite()
  const arrive = useArrive()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [email, setEmail] = useState('')
  const [code, setCode] = useState('')
  const [key, setKey] = useState('')
  const proven = site?.email_verification ?? false
  const make = useMutation({
    mutationFn: async () => {
      const body = {
        username: username.trim(),
        password,
        aff_code: opened.get('aff'),
        ...(proven ? { email: email.trim(), verification_code: code.trim() } : {}),
      }
      const made = await data(api.POST('/api/user/register', { body }))
      await data(api.POST('/api/user/login', { body: { username: made.username, password } }))
      return made.default_token ?? ''
    },
    onSuccess: (token) => (token ? setKey(token) : arrive()),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  if (key)
    return (
      <Frame title={t('sign_registered')}>
        <p>{t('sign_first_key')}</p>
        <Code text={key.startsWith('sk-') ? key : `sk-${key}`} />
        <Button look="main" onClick={() => arrive()}>
          {t('sign_go_on')}
        </Button>
      </Frame>
    )
  const why = make.error instanceof ApiError && make.error.status === 403 ? make.error.message : ''
  return (
    <Frame title={t('sign_register')}>
      {site?.turnstile_check ? (
        <p>{t('sign_turnstile')}</p>
      ) : (
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Input
            label={t('sign_name')}
            hint={t('sign_name_hint')}
            autoComplete="username"
            required
            autoFocus
            maxLength={64}
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
          <Input
            label={t('new_password')}
            hint={t('new_password_hint')}
            type="password"
            autoComplete="new-password"
            minLength={8}
            maxLength={256}
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          {proven ? (
            <>
              <Address email={email} setEmail={setEmail} />
              <Input
                label={t('sign_code')}
                autoComplete="one-time-code"
                required
                value={code}
                onChange={(event) => setCode(event.target.value)}
              />
            </>
          ) : null}
          {make.error ? (
            <p role="alert" className="text-bad">
              {why || explained(make.error, t)}
            </p>
          ) : null}
          <Button type="submit" look="main" busy={make.isPending}>
            {t('sign_register')}
          </Button>
        </form>
      )}
      <Link to="/sign-in" className={LINK}>
        {t('sign_back')}
      </Link>
    </Frame>
  )
}
