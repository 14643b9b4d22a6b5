import type { Texts } from './languages'
import { account } from './zh-CN/account'
import { alerts } from './zh-CN/alerts'
import { backup } from './zh-CN/backup'
import { billing } from './zh-CN/billing'
import { channels } from './zh-CN/channels'
import { common } from './zh-CN/common'
import { errors } from './zh-CN/errors'
import { groups } from './zh-CN/groups'
import { home } from './zh-CN/home'
import { keys } from './zh-CN/keys'
import { ledger } from './zh-CN/ledger'
import { lists } from './zh-CN/lists'
import { logs } from './zh-CN/logs'
import { nodes } from './zh-CN/nodes'
import { overview } from './zh-CN/overview'
import { playground } from './zh-CN/playground'
import { prices } from './zh-CN/prices'
import { prompts } from './zh-CN/prompts'
import { settings } from './zh-CN/settings'
import { signIn } from './zh-CN/sign-in'
import { usage } from './zh-CN/usage'
import { users } from './zh-CN/users'
import { visitors } from './zh-CN/visitors'
import { vouchers } from './zh-CN/vouchers'
import { welcome } from './zh-CN/welcome'

export const zhCN: Texts = {
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
