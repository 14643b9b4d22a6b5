import { account } from './ko/account'
import { alerts } from './ko/alerts'
import { backup } from './ko/backup'
import { billing } from './ko/billing'
import { channels } from './ko/channels'
import { common } from './ko/common'
import { errors } from './ko/errors'
import { groups } from './ko/groups'
import { home } from './ko/home'
import { keys } from './ko/keys'
import { ledger } from './ko/ledger'
import { lists } from './ko/lists'
import { logs } from './ko/logs'
import { nodes } from './ko/nodes'
import { overview } from './ko/overview'
import { playground } from './ko/playground'
import { prices } from './ko/prices'
import { prompts } from './ko/prompts'
import { settings } from './ko/settings'
import { signIn } from './ko/sign-in'
import { usage } from './ko/usage'
import { users } from './ko/users'
import { visitors } from './ko/visitors'
import { vouchers } from './ko/vouchers'
import { welcome } from './ko/welcome'
import type { Translated } from './languages'

export const ko: Translated = {
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
