import type { Translated } from './languages'
import { account } from './pt-BR/account'
import { alerts } from './pt-BR/alerts'
import { backup } from './pt-BR/backup'
import { billing } from './pt-BR/billing'
import { channels } from './pt-BR/channels'
import { common } from './pt-BR/common'
import { errors } from './pt-BR/errors'
import { groups } from './pt-BR/groups'
import { home } from './pt-BR/home'
import { keys } from './pt-BR/keys'
import { ledger } from './pt-BR/ledger'
import { lists } from './pt-BR/lists'
import { logs } from './pt-BR/logs'
import { nodes } from './pt-BR/nodes'
import { overview } from './pt-BR/overview'
import { playground } from './pt-BR/playground'
import { prices } from './pt-BR/prices'
import { prompts } from './pt-BR/prompts'
import { settings } from './pt-BR/settings'
import { signIn } from './pt-BR/sign-in'
import { usage } from './pt-BR/usage'
import { users } from './pt-BR/users'
import { visitors } from './pt-BR/visitors'
import { vouchers } from './pt-BR/vouchers'
import { welcome } from './pt-BR/welcome'

export const ptBR: Translated = {
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
