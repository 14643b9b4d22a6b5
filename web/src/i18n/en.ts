import { account } from './en/account'
import { billing } from './en/billing'
import { channels } from './en/channels'
import { common } from './en/common'
import { errors } from './en/errors'
import { groups } from './en/groups'
import { home } from './en/home'
import { keys } from './en/keys'
import { logs } from './en/logs'
import { overview } from './en/overview'
import { playground } from './en/playground'
import { prices } from './en/prices'
import { prompts } from './en/prompts'
import { settings } from './en/settings'
import { signIn } from './en/sign-in'
import { usage } from './en/usage'
import { users } from './en/users'
import { vouchers } from './en/vouchers'

export const en = {
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
  ...prompts,
  ...settings,
}
