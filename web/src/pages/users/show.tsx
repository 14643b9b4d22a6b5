import type { Schemas } from '../../api/client'
import { ROLES } from '../../api/session'
import { type Key, useSpeech } from '../../i18n'
import { State } from '../../ui/show'

export type User = Schemas['User']

export function UserState({ user }: { user: User }) {
  const { t } = useSpeech()
  if (user.status === 1) return <State mood="good">{t('user_is_active')}</State>
  if (user.status === 2) return <State mood="bad">{t('user_is_banned')}</State>
  return <State mood="none">{t('user_is_deleted')}</State>
}

export function useRole() {
  const { t } = useSpeech()
  const names: Record<number, Key> = { 1: 'user_role_1', 10: 'user_role_10', 100: 'user_role_100' }
  return (role: number) => t(names[role] ?? 'user_role_1')
}

/** Whether the API lets `me` see and change that account; root's everybody's. */
export const reaches = (me: User, user: User) =>
  user.status !== 3 && (me.role >= ROLES.root || user.role < me.role || user.id === me.id)
