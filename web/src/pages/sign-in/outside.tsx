// Pages that mails, invitations and providers lead to.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { opened } from '../../lib/opened'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { useSay } from '../../ui/toast'
import { askedBy, FactorForm } from './factor'
import { Frame, LINK, useArrive } from './frame'
import { PROVIDERS, type Provider } from './providers'

export { Register } from './register'

/** A new password by the mailed link. */
export function Reset() {
  const { t } = useSpeech()
  const say = useSay()
  const navigate = useNavigate()
  const [password, setPassword] = useState('')
  const [email, token] = [opened.get('email') ?? '', opened.get('token') ?? '']
  const renew = useMutation({
    mutationFn: () => whole(api.POST('/api/user/reset', { body: { email, token, password } })),
    onSuccess: () => {
      say(t('sign_password_set'))
      return navigate({ to: '/sign-in', replace: true })
    },
  })
  return (
    <Frame title={t('set_password')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          renew.mutate()
        }}
      >
        <Input
          label={t('new_password')}
          hint={t('new_password_hint')}
          type="password"
          autoComplete="new-password"
          minLength={8}
          maxLength={256}
          required
          autoFocus
          value={password}
          error={renew.error ? explained(renew.error, t) : undefined}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Button type="submit" look="main" busy={renew.isPending}>
          {t('set_password')}
        </Button>
      </form>
      <Link to="/sign-in" className={LINK}>
        {t('sign_back')}
      </Link>
    </Frame>
  )
}

/** The provider's word goes to the API, once. */
function come(provider: Provider) {
  const query = { code: opened.get('code') ?? '', state: opened.get('state') ?? '' }
  const params = { params: { query: query as never } }
  if (provider === 'github') return data(api.GET('/api/oauth/github', params))
  if (provider === 'lark') return data(api.GET('/api/oauth/lark', params))
  return data(api.GET('/api/oauth/oidc', params))
}

/** The way back from a provider. */
export function Arrival() {
  const { t } = useSpeech()
  const arrive = useArrive()
  const queries = useQueryClient()
  const { provider } = useParams({ strict: false }) as { provider?: string }
  const known = provider !== undefined && provider in PROVIDERS
  const told = useQuery({
    queryKey: ['arrival', provider],
    enabled: known,
    queryFn: () => come(provider as Provider),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
  const asked = askedBy(told.error)
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the answer is there.
  useEffect(() => {
    // Without somebody who was signed in, the account of who is was bound to the provider.
    if (told.isSuccess) {
      queries.removeQueries({ queryKey: ['arrival'] })
      arrive(told.data ? '/' : '/account')
    }
  }, [told.isSuccess])
  const name = known ? PROVIDERS[provider as Provider] : (provider ?? '')
  const finish = async (factor: object) => {
    await data(api.POST('/api/oauth/totp', { body: { ticket: asked?.ticket ?? '', ...factor } }))
    await arrive()
  }
  return (
    <Frame title={t('sign_with', { name })}>
      {asked ? <FactorForm asked={asked} run={finish} action={t('sign_in')} /> : null}
      {known && told.isPending ? <p role="status">{t('sign_wait')}</p> : null}
      {(told.error && !asked) || !known ? (
        <>
          <p role="alert" className="text-bad">
            {told.error?.message || t('lost')}
          </p>
          <Link to="/sign-in" className={LINK}>
            {t('sign_back')}
          </Link>
        </>
      ) : null}
    </Frame>
  )
}
