import type { Translated } from './languages'
import { account } from './ru/account'
import { alerts } from './ru/alerts'
import { backup } from './ru/backup'
import { billing } from './ru/billing'
import { channels } from './ru/channels'
import { common } from './ru/common'
import { errors } from './ru/errors'
import { groups } from './ru/groups'
import { home } from './ru/home'
import { keys } from './ru/keys'
import { ledger } from './ru/ledger'
import { lists } from './ru/lists'
import { logs } from './ru/logs'
import { nodes } from './ru/nodes'
import { overview } from './ru/overview'
import { playground } from './ru/playground'
import { prices } from './ru/prices'
import { prompts } from './ru/prompts'
import { settings } from './ru/settings'
import { signIn } from './ru/sign-in'
import { usage } from './ru/usage'
import { users } from './ru/users'
import { visitors } from './ru/visitors'
import { vouchers } from './ru/vouchers'
import { welcome } from './ru/welcome'

export const ru: Translated = {
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
