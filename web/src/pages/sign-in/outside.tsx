// Pages that mails, invitations and providers lead to.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useEffect } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { opened } from '../../lib/opened'
import { useSay } from '../../ui/toast'
import { askedBy, FactorForm } from './factor'
import { Frame, LINK, useArrive } from './frame'
import { NewPassword } from './new-password'
import { PROVIDERS, type Provider } from './providers'

export { Register } from './register'

/** A new password by the mailed link. */
export function Reset() {
  const { t } = useSpeech()
  const say = useSay()
  const navigate = useNavigate()
  const [email, token] = [opened.get('email') ?? '', opened.get('token') ?? '']
  const renew = useMutation({
    mutationFn: (password: string) =>
      whole(api.POST('/api/user/reset', { body: { email, token, password } })),
    onSuccess: () => {
      say(t('sign_password_set'))
      return navigate({ to: '/sign-in', replace: true })
    },
  })
  return (
    <Frame title={t('set_password')}>
      <NewPassword error={renew.error} busy={renew.isPending} choose={renew.mutate} />
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
