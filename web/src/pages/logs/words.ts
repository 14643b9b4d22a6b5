// What a row of the log says, in words.
import type { Schemas } from '../../api/client'
import { known, type Speech } from '../../i18n'

export type Log = Schemas['Log']

export interface Attempt {
  channel_id?: number
  key?: string
  error?: string
  ms?: number
  status?: number
}

/** What the API keeps of a call beside its columns; any of it may be missing. */
export interface Detail {
  attempts?: Attempt[]
  group?: string
  timings?: Partial<Record<'admitted' | 'connected' | 'first_byte' | 'total', number>>
}

export const detailOf = (log: Log): Detail => (log.detail ?? {}) as Detail

export const isCall = (log: Log) => log.type === 2 || log.type === 5

export const isFailed = (log: Log) => isCall(log) && (log.error !== '' || log.status >= 400)

export const kindOf = (log: Log, t: Speech['t']) => {
  const key = `log_kind_${log.type}`
  return known(key) ? t(key) : String(log.type)
}

export const unitOf = (bucket: string, t: Speech['t']) => {
  const key = `unit_${bucket}`
  return known(key) ? t(key) : bucket
}

/** Why a call failed. */
export function whyOf(log: Log, t: Speech['t']): string {
  const code = log.error || String(log.status)
  const of = (pattern: RegExp) => pattern.test(code)
  if (of(/quota|balance|insufficient/)) return t('log_why_balance')
  if (of(/limit/) || log.status === 429) return t('log_why_limit')
  if (of(/client|cancel|closed/)) return t('log_why_client')
  if (of(/time/)) return t('log_why_timeout')
  if (of(/channel|model_not/)) return t('log_why_none')
  if (of(/upstream_auth|upstream_key/)) return t('log_why_auth')
  if (of(/upstream|vendor/)) return t('log_why_upstream')
  return t('log_why_other', { code })
}

/** Milliseconds as people read them. */
export const lasting = (ms: number, language: string) =>
  new Intl.NumberFormat(language, {
    style: 'unit',
    unit: ms < 1_000 ? 'millisecond' : 'second',
    maximumFractionDigits: 2,
  }).format(ms < 1_000 ? ms : ms / 1_000)
