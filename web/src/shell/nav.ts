// The pages of each role, in the order of the rail.
import {
  Archive,
  BookCheck,
  Boxes,
  ChartColumn,
  CircleDollarSign,
  FileText,
  Gauge,
  House,
  KeyRound,
  type LucideIcon,
  MessagesSquare,
  Network,
  ScrollText,
  Server,
  Settings,
  Tags,
  TicketPercent,
  TriangleAlert,
  UserRound,
  Users,
  Wallet,
} from 'lucide-react'
import { ROLES } from '../api/session'
import type { Key } from '../i18n'

export interface Page {
  to: string
  name: Key
  icon: LucideIcon
  role: number
  /** Those above have another page for it. */
  most?: number
  /** `g` and this letter go there. */
  letter?: string
}

const PAGES: Page[] = [
  { to: '/', name: 'home', icon: House, role: ROLES.user, letter: 'h' },
  { to: '/keys', name: 'keys', icon: KeyRound, role: ROLES.user, letter: 'k' },
  { to: '/usage', name: 'usage', icon: ChartColumn, role: ROLES.user, letter: 'u' },
  { to: '/logs', name: 'logs', icon: ScrollText, role: ROLES.user, letter: 'l' },
  { to: '/playground', name: 'playground', icon: MessagesSquare, role: ROLES.user, letter: 't' },
  { to: '/models', name: 'models', icon: Boxes, role: ROLES.user, most: ROLES.user, letter: 'm' },
  { to: '/billing', name: 'billing', icon: Wallet, role: ROLES.user, letter: 'b' },
  { to: '/account', name: 'account', icon: UserRound, role: ROLES.user, letter: 'a' },
  { to: '/overview', name: 'overview', icon: Gauge, role: ROLES.admin, letter: 'o' },
  { to: '/alerts', name: 'alerts', icon: TriangleAlert, role: ROLES.admin, letter: 'w' },
  { to: '/channels', name: 'channels', icon: Network, role: ROLES.admin, letter: 'c' },
  { to: '/prices', name: 'prices', icon: CircleDollarSign, role: ROLES.admin, letter: 'p' },
  { to: '/prompts', name: 'prompts', icon: FileText, role: ROLES.admin, letter: 'r' },
  { to: '/users', name: 'users', icon: Users, role: ROLES.admin, letter: 's' },
  { to: '/groups', name: 'groups', icon: Tags, role: ROLES.admin },
  { to: '/vouchers', name: 'vouchers', icon: TicketPercent, role: ROLES.admin, letter: 'v' },
  { to: '/nodes', name: 'nodes', icon: Server, role: ROLES.admin },
  { to: '/ledger', name: 'ledger', icon: BookCheck, role: ROLES.root },
  { to: '/backup', name: 'backup', icon: Archive, role: ROLES.root },
  { to: '/settings', name: 'settings', icon: Settings, role: ROLES.root },
]

/** The pages of a role. */
export const pagesOf = (role: number) =>
  PAGES.filter((page) => role >= page.role && role <= (page.most ?? role))
