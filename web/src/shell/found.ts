// What the palette finds by name beside pages: users, channels, keys.
import { useQuery } from '@tanstack/react-query'
import { KeyRound, type LucideIcon, Network, Plus, TicketPercent, UserRound } from 'lucide-react'
import { useEffect, useState } from 'react'
import { api, data } from '../api/client'
import { ROLES } from '../api/session'
import type { Key } from '../i18n'

export interface Found {
  id: string
  name: string
  /** What it is. */
  kind: Key
  icon: LucideIcon
  to: string
  search: Record<string, string>
}

const SHOWN = 5

async function found(text: string, admin: boolean): Promise<Found[]> {
  const query = { keyword: text, page_size: SHOWN }
  // One that fails leaves the others.
  const part = <R>(asked: Promise<R[]>) => asked.catch((): R[] => [])
  const [keys, users, channels] = await Promise.all([
    part(data(api.GET('/api/token', { params: { query } }))),
    admin ? part(data(api.GET('/api/user', { params: { query } }))) : [],
    admin ? part(data(api.GET('/api/channel', { params: { query } }))) : [],
  ])
  return [
    ...users.slice(0, SHOWN).map((user) => ({
      id: `user ${user.id}`,
      name: user.username,
      kind: 'users' as const,
      icon: UserRound,
      to: '/users',
      search: { id: String(user.id) },
    })),
    ...channels.slice(0, SHOWN).map((channel) => ({
      id: `channel ${channel.id}`,
      name: channel.name || `#${channel.id}`,
      kind: 'channels' as const,
      icon: Network,
      to: '/channels',
      search: { id: String(channel.id) },
    })),
    ...keys.slice(0, SHOWN).map((token) => ({
      id: `key ${token.id}`,
      name: token.name,
      kind: 'keys' as const,
      icon: KeyRound,
      to: '/keys',
      search: { q: token.name },
    })),
  ]
}

/** What there is by a name, once somebody who types has paused. */
export function useFound(text: string, role: number): Found[] {
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), 200)
    return () => clearTimeout(timer)
  }, [text])
  const { data: all } = useQuery({
    queryKey: ['found', asked],
    queryFn: () => found(asked, role >= ROLES.admin),
    enabled: asked.length >= 2,
    placeholderData: (before) => before,
  })
  return asked.length >= 2 && text ? (all ?? []) : []
}

export interface Action {
  name: Key
  icon: LucideIcon
  role: number
  to: string
  search: Record<string, string>
}

export const ACTIONS: Action[] = [
  { name: 'new_key', icon: Plus, role: ROLES.user, to: '/keys', search: { new: '1' } },
  { name: 'channel_add', icon: Plus, role: ROLES.admin, to: '/channels', search: { new: '1' } },
  { name: 'user_new', icon: Plus, role: ROLES.admin, to: '/users', search: { new: '1' } },
  { name: 'voucher_new', icon: TicketPercent, role: ROLES.admin, to: '/vouchers', search: { new: '1' } },
]
