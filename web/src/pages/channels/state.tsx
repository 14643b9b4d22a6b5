import type { ReactNode } from 'react'
import { useSpeech } from '../../i18n'
import { State } from '../../ui/show'
import type { Channel } from './queries'

type Shown = Pick<Channel, 'status' | 'health' | 'disabled_reason'> &
  Partial<Pick<Channel, 'test_time' | 'response_time'>>

/** A test that was passed has taken a millisecond at least. */
const testFailed = (channel: Shown) => (channel.test_time ?? 0) > 0 && channel.response_time === 0

/** A longer text with a mark, which may take several lines. */
export function Note({ mood, children }: { mood: 'good' | 'warn'; children: ReactNode }) {
  return (
    <span className={mood === 'good' ? 'text-good' : 'text-warn'}>
      <span aria-hidden>{mood === 'good' ? '●' : '◐'}</span> {children}
    </span>
  )
}

/** How a channel fares right now, and why. */
export function ChannelState({ channel }: { channel: Shown }) {
  const { t } = useSpeech()
  const { status, health, disabled_reason } = channel
  const why = status === 3 ? disabled_reason : status === 1 ? (health.reason ?? '') : ''
  const shown =
    status === 2 ? (
      <State mood="none">{t('channel_is_paused')}</State>
    ) : status === 3 ? (
      <State mood="bad">{t('channel_is_off')}</State>
    ) : health.state === 'resting' ? (
      <State mood="bad">{t('channel_is_resting')}</State>
    ) : health.state === 'probing' ? (
      <State mood="warn">{t('channel_is_probing')}</State>
    ) : testFailed(channel) ? (
      <State mood="warn">{t('channel_is_untested')}</State>
    ) : (
      <State mood="good">{t('channel_is_ready')}</State>
    )
  return (
    <span className="inline-flex flex-col items-start max-md:items-end">
      {shown}
      {why ? (
        <span className="line-clamp-2 max-w-64 text-xs text-soft max-md:text-right" title={why}>
          {why}
        </span>
      ) : null}
    </span>
  )
}
