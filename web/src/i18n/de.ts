import { account } from './de/account'
import { alerts } from './de/alerts'
import { backup } from './de/backup'
import { billing } from './de/billing'
import { channels } from './de/channels'
import { common } from './de/common'
import { errors } from './de/errors'
import { groups } from './de/groups'
import { home } from './de/home'
import { keys } from './de/keys'
import { ledger } from './de/ledger'
import { lists } from './de/lists'
import { logs } from './de/logs'
import { nodes } from './de/nodes'
import { overview } from './de/overview'
import { playground } from './de/playground'
import { prices } from './de/prices'
import { prompts } from './de/prompts'
import { settings } from './de/settings'
import { signIn } from './de/sign-in'
import { usage } from './de/usage'
import { users } from './de/users'
import { visitors } from './de/visitors'
import { vouchers } from './de/vouchers'
import { welcome } from './de/welcome'
import type { Translated } from './languages'

export const de: Translated = {
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
