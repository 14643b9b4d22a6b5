// Signing in, and the password of the first start.
import { useMutation } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { Fingerprint } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { ApiError, api, data } from '../api/client'
import { useSite } from '../api/session'
import { useSpeech } from '../i18n'
import { passkeysWork, showPasskey } from '../lib/passkey'
import { Button } from '../ui/button'
import { Input } from '../ui/field'
import { type Asked, askedBy, type Factor, FactorForm, whyNot } from './sign-in/factor'
import { Frame, LINK, useArrive } from './sign-in/frame'
import { Forgotten } from './sign-in/mailed'
import { NewPassword } from './sign-in/new-password'
import { Providers } from './sign-in/providers'

function First({ done }: { done: () => void }) {
  const { t } = useSpeech()
  const renew = useMutation({
    mutationFn: (password: string) => data(api.PUT('/api/user/self', { body: { password } })),
    onSuccess: done,
  })
  return (
    <div className="flex flex-col gap-4">
      <p className="text-soft">{t('password_first')}</p>
      <NewPassword error={renew.error} busy={renew.isPending} choose={renew.mutate} />
    </div>
  )
}

export function SignIn() {
  const { t } = useSpeech()
  const site = useSite()
  const arrive = useArrive()
  const { to: wanted, new: fresh } = useSearch({ strict: false }) as { to?: string; new?: string }
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [asked, setAsked] = useState<Asked>()
  const [first, setFirst] = useState(fresh === '1')
  const [forgot, setForgot] = useState(false)

  /** An empty server leads on; one that a config file has filled is ready. */
  const begin = async () => {
    const query = { page_size: 1 }
    const channels = await data(api.GET('/api/channel', { params: { query } })).catch(() => undefined)
    await arrive(channels?.length === 0 ? '/welcome' : wanted)
  }
  const come = async (factor: Factor) => {
    const told = await data(api.POST('/api/user/login', { body: { username, password, ...factor } }))
    if (told.must_change_password) setFirst(true)
    else await arrive(wanted)
  }
  const enter = useMutation({
    mutationFn: () => come({}),
    onError: (error) => setAsked(askedBy(error)),
  })
  const passkey = useMutation({
    mutationFn: async () => {
      const { publicKey } = await data(api.POST('/api/user/passkey/login/begin'))
      const body = { passkey: await showPasskey(publicKey) } as never
      await data(api.POST('/api/user/passkey/login/finish', { body }))
      await arrive(wanted)
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    passkey.reset()
    enter.mutate()
  }
  if (first)
    return (
      <Frame title={t('set_password')}>
        <First done={begin} />
      </Frame>
    )
  if (forgot)
    return (
      <Frame title={t('sign_forgot')}>
        <Forgotten back={() => setForgot(false)} />
      </Frame>
    )
  const title = t('sign_in_to', { name: site?.system_name || 'MAGIC' })
  if (asked)
    return (
      <Frame title={title}>
        <p>{t('sign_second')}</p>
        <FactorForm asked={asked} run={come} action={t('sign_in')} />
        <Button look="quiet" onClick={() => setAsked(undefined)}>
          {t('sign_back')}
        </Button>
      </Frame>
    )
  const { error } = enter
  const why = error instanceof ApiError && error.status === 401 ? t('wrong_login') : whyNot(error, t)
  // Mail goes out where addresses are proven by it; the check against robots needs another site's script.
  const mails = site?.email_verification && !site.turnstile_check
  // An older server does not say whether it is open: its invitations lead to the page all the same.
  const open = (site as { registration?: boolean } | undefined)?.registration === true
  return (
    <Frame title={title}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Input
          label={t('username')}
          autoComplete="username"
          required
          autoFocus
          value={username}
          onChange={(event) => setUsername(event.target.value)}
        />
        <Input
          label={t('password')}
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {why || passkey.error ? (
          <p role="alert" className="text-bad">
            {why || whyNot(passkey.error, t)}
          </p>
        ) : null}
        <Button type="submit" look="main" busy={enter.isPending}>
          {t('sign_in')}
        </Button>
      </form>
      {site?.passkey_login && passkeysWork() ? (
        <Button
          busy={passkey.isPending}
          icon={<Fingerprint className="size-4" aria-hidden />}
          onClick={() => {
            enter.reset()
            passkey.mutate()
          }}
        >
          {t('sign_passkey')}
        </Button>
      ) : null}
      <Providers />
      {mails || open ? (
        <div className="flex flex-wrap justify-between gap-3">
          {mails ? (
            <button type="button" className={LINK} onClick={() => setForgot(true)}>
              {t('sign_forgot')}
            </button>
          ) : null}
          {open ? (
            <Link to="/register" className={LINK}>
              {t('sign_register')}
            </Link>
          ) : null}
        </div>
      ) : null}
    </Frame>
  )
}
