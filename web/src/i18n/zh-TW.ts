import type { Translated } from './languages'
import { account } from './zh-TW/account'
import { alerts } from './zh-TW/alerts'
import { backup } from './zh-TW/backup'
import { billing } from './zh-TW/billing'
import { channels } from './zh-TW/channels'
import { common } from './zh-TW/common'
import { errors } from './zh-TW/errors'
import { groups } from './zh-TW/groups'
import { home } from './zh-TW/home'
import { keys } from './zh-TW/keys'
import { ledger } from './zh-TW/ledger'
import { lists } from './zh-TW/lists'
import { logs } from './zh-TW/logs'
import { nodes } from './zh-TW/nodes'
import { overview } from './zh-TW/overview'
import { playground } from './zh-TW/playground'
import { prices } from './zh-TW/prices'
import { prompts } from './zh-TW/prompts'
import { settings } from './zh-TW/settings'
import { signIn } from './zh-TW/sign-in'
import { usage } from './zh-TW/usage'
import { users } from './zh-TW/users'
import { visitors } from './zh-TW/visitors'
import { vouchers } from './zh-TW/vouchers'
import { welcome } from './zh-TW/welcome'

export const zhTW: Translated = {
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
