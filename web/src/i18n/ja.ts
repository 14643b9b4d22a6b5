import { account } from './ja/account'
import { alerts } from './ja/alerts'
import { backup } from './ja/backup'
import { billing } from './ja/billing'
import { channels } from './ja/channels'
import { common } from './ja/common'
import { errors } from './ja/errors'
import { groups } from './ja/groups'
import { home } from './ja/home'
import { keys } from './ja/keys'
import { ledger } from './ja/ledger'
import { lists } from './ja/lists'
import { logs } from './ja/logs'
import { nodes } from './ja/nodes'
import { overview } from './ja/overview'
import { playground } from './ja/playground'
import { prices } from './ja/prices'
import { prompts } from './ja/prompts'
import { settings } from './ja/settings'
import { signIn } from './ja/sign-in'
import { usage } from './ja/usage'
import { users } from './ja/users'
import { visitors } from './ja/visitors'
import { vouchers } from './ja/vouchers'
import { welcome } from './ja/welcome'
import type { Translated } from './languages'

export const ja: Translated = {
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
