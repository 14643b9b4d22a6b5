import { account } from './en/account'
import { alerts } from './en/alerts'
import { backup } from './en/backup'
import { billing } from './en/billing'
import { channels } from './en/channels'
import { groups } from './en/groups'
import { home } from './en/home'
import { keys } from './en/keys'
import { ledger } from './en/ledger'
import { lists } from './en/lists'
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
import { visitors } from './en/visitors'
import { vouchers } from './en/vouchers'
import { welcome } from './en/welcome'

export const en = {
  ...outside,
  ...home,
  ...keys,
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
