import { account } from './en/account'
import { backup } from './en/backup'
import { billing } from './en/billing'
import { channels } from './en/channels'
import { groups } from './en/groups'
import { home } from './en/home'
import { keys } from './en/keys'
import { ledger } from './en/ledger'
import { logs } from './en/logs'
import { nodes } from './en/nodes'
import { outside } from './en/outside'
import { overview } from './en/overview'
import { playground } from './en/playground'
import { prices } from './en/prices'
import { prompts } from './en/prompts'
import { settings } from './en/settings'
import { usage } from './en/usage'
import { users } from './en/users'
import { vouchers } from './en/vouchers'

export const en = {
  ...outside,
  ...home,
  ...keys,
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
  ...ledger,
  ...nodes,
  ...backup,
}
