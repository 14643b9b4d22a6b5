// GitHub and the others: the way there. The way back is /oauth/ and the provider's name.
import { useMutation } from '@tanstack/react-query'
import { api, data, type Schemas } from '../../api/client'
import { useSite } from '../../api/session'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { useFailed } from '../../ui/toast'

export const PROVIDERS = { github: 'GitHub', oidc: 'OIDC', lark: 'Lark' } as const
export type Provider = keyof typeof PROVIDERS

/** Those that this installation is set up for. */
export function providersOf(site: Schemas['SiteStatus'] | undefined): Provider[] {
  if (!site) return []
  const on = {
    github: site.github_oauth && site.github_client_id,
    oidc: site.oidc,
    lark: site.lark_client_id,
  }
  return (Object.keys(PROVIDERS) as Provider[]).filter((name) => on[name])
}

async function departure(provider: Provider, site: Schemas['SiteStatus']): Promise<string> {
  if (provider === 'oidc') return (await data(api.GET('/api/oauth/oidc/start'))).url
  const state = await data(api.GET('/api/oauth/state'))
  if (provider === 'github') {
    const query = { client_id: site.github_client_id, state, scope: 'user:email' }
    return `https://github.com/login/oauth/authorize?${new URLSearchParams(query)}`
  }
  const back = `${site.server_address.replace(/\/+$/, '')}/oauth/lark`
  const query = { client_id: site.lark_client_id, response_type: 'code', redirect_uri: back, state }
  return `https://accounts.feishu.cn/open-apis/authen/v1/authorize?${new URLSearchParams(query)}`
}

/** Begins to sign in by a provider, or to bind it to the account that is signed in. */
export function useDeparture() {
  const site = useSite()
  const failed = useFailed()
  return useMutation({
    mutationFn: async (provider: Provider) => {
      if (site) location.assign(await departure(provider, site))
    },
    onError: failed,
  })
}

export function Providers() {
  const { t } = useSpeech()
  const site = useSite()
  const depart = useDeparture()
  return providersOf(site).map((name) => (
    <Button key={name} busy={depart.isPending} onClick={() => depart.mutate(name)}>
      {t('sign_with', { name: PROVIDERS[name] })}
    </Button>
  ))
}
