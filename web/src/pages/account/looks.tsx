// Language and colours, and the accounts elsewhere that sign in here.
import { useState } from 'react'
import { useMe, useSite } from '../../api/session'
import { CHOICES, type Language, useSpeech } from '../../i18n'
import { setTheme, THEMES, type Theme } from '../../shell/theme'
import { Button } from '../../ui/button'
import { Select } from '../../ui/field'
import { Card, State } from '../../ui/show'
import { PROVIDERS, type Provider, providersOf, useDeparture } from '../sign-in/providers'

export function Looks() {
  const { t, language, choose } = useSpeech()
  const [theme, put] = useState<Theme>((document.documentElement.dataset.theme as Theme) || 'system')
  return (
    <Card title={t('account_looks')}>
      <div className="flex flex-col items-start gap-3">
        <Select
          label={t('language')}
          value={language}
          onChange={(event) => choose(event.target.value as Language)}
        >
          {CHOICES.map(({ code, name }) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </Select>
        <Select
          label={t('theme')}
          hint={t('account_looks_here')}
          value={theme}
          onChange={(event) => {
            put(event.target.value as Theme)
            setTheme(event.target.value as Theme)
          }}
        >
          {THEMES.map((one) => (
            <option key={one} value={one}>
              {t(`theme_${one}`)}
            </option>
          ))}
        </Select>
      </div>
    </Card>
  )
}

export function Elsewhere() {
  const { t } = useSpeech()
  const user = useMe()
  const providers = providersOf(useSite())
  const depart = useDeparture()
  if (providers.length === 0) return null
  const bound: Record<Provider, string> = { github: user.github_id, oidc: user.oidc_id, lark: user.lark_id }
  return (
    <Card title={t('account_elsewhere')}>
      <ul className="flex flex-col gap-2">
        {providers.map((name) => (
          <li key={name} className="flex min-h-8 items-center justify-between gap-3">
            <span>{PROVIDERS[name]}</span>
            {bound[name] ? (
              <State mood="good">{t('account_bound')}</State>
            ) : (
              <Button busy={depart.isPending} onClick={() => depart.mutate(name)}>
                {t('account_bind', { name: PROVIDERS[name] })}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Card>
  )
}
