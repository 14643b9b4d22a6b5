// The own account: who it is, and all the ways into it.
import { useSpeech } from '../i18n'
import { AccessToken } from './account/access'
import { Elsewhere, Looks } from './account/looks'
import { Passkeys } from './account/passkeys'
import { Password, Profile } from './account/profile'
import { Sessions } from './account/sessions'
import { SecondFactor } from './account/totp'

export function Account() {
  const { t } = useSpeech()
  return (
    <>
      <h1 className="text-xl font-semibold">{t('account')}</h1>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Profile />
        <Password />
        <SecondFactor />
        <Passkeys />
        <Sessions />
        <AccessToken />
        <Elsewhere />
        <Looks />
      </div>
    </>
  )
}
