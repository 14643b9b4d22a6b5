import { account } from './es/account'
import { alerts } from './es/alerts'
import { backup } from './es/backup'
import { billing } from './es/billing'
import { channels } from './es/channels'
import { common } from './es/common'
import { errors } from './es/errors'
import { groups } from './es/groups'
import { home } from './es/home'
import { keys } from './es/keys'
import { ledger } from './es/ledger'
import { lists } from './es/lists'
import { logs } from './es/logs'
import { nodes } from './es/nodes'
import { overview } from './es/overview'
import { playground } from './es/playground'
import { prices } from './es/prices'
import { prompts } from './es/prompts'
import { settings } from './es/settings'
import { signIn } from './es/sign-in'
import { usage } from './es/usage'
import { users } from './es/users'
import { visitors } from './es/visitors'
import { vouchers } from './es/vouchers'
import { welcome } from './es/welcome'
import type { Translated } from './languages'

export const es: Translated = {
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
  ...alerts,
  ...lists,
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
  ...ledger,
  ...nodes,
  ...backup,
}
