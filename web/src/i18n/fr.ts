import { account } from './fr/account'
import { alerts } from './fr/alerts'
import { backup } from './fr/backup'
import { billing } from './fr/billing'
import { channels } from './fr/channels'
import { common } from './fr/common'
import { errors } from './fr/errors'
import { groups } from './fr/groups'
import { home } from './fr/home'
import { keys } from './fr/keys'
import { ledger } from './fr/ledger'
import { lists } from './fr/lists'
import { logs } from './fr/logs'
import { nodes } from './fr/nodes'
import { overview } from './fr/overview'
import { playground } from './fr/playground'
import { prices } from './fr/prices'
import { prompts } from './fr/prompts'
import { settings } from './fr/settings'
import { signIn } from './fr/sign-in'
import { usage } from './fr/usage'
import { users } from './fr/users'
import { visitors } from './fr/visitors'
import { vouchers } from './fr/vouchers'
import { welcome } from './fr/welcome'
import type { Translated } from './languages'

export const fr: Translated = {
  ...common,
  ...errors,
  ...home,
  ...keys,
  ...signIn,
  ...usage,
  ...logs,
  ...billing,
  ...account,
  ...overview,
  ...channels,
  ...playground,
  ...prices,
  ...users,
  ...groups,
  ...vouchers,
  ...visitors,
  ...welcome,
  ...prompts,
  ...settings,
  ...lists,
  ...alerts,
  ...ledger,
  ...nodes,
  ...backup,
}
