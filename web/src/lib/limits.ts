// Limits of users, channels and groups: as the API has them, and as a form has them (budgets in dollars).
import { quotaUsd, typedQuota } from './money'

export interface LimitsDraft {
  rpm: string
  tpm: string
  concurrency: string
  day: string
  month: string
}

interface Limits {
  rpm?: number | null
  tpm?: number | null
  concurrency?: number | null
  windows?: unknown[]
  budgets?: { day?: number | null; month?: number | null }
}

const text = (value: number | null | undefined) =>
  value === null || value === undefined ? '' : String(value)
const dollars = (quota: number | null | undefined) =>
  quota === null || quota === undefined ? '' : String(quotaUsd(quota))

export function limitsDraft(limits: object | null | undefined): LimitsDraft {
  const { rpm, tpm, concurrency, budgets } = (limits ?? {}) as Limits
  return {
    rpm: text(rpm),
    tpm: text(tpm),
    concurrency: text(concurrency),
    day: dollars(budgets?.day),
    month: dollars(budgets?.month),
  }
}

const WHOLE = /^\d{1,15}$/

/** Which fields of a form hold no number. */
export function limitsFaults(draft: LimitsDraft): (keyof LimitsDraft)[] {
  const counts = (['rpm', 'tpm', 'concurrency'] as const).filter(
    (key) => draft[key].trim() && !WHOLE.test(draft[key].trim()),
  )
  const money = (['day', 'month'] as const).filter(
    (key) => draft[key].trim() && (typedQuota(draft[key]) ?? -1) < 0,
  )
  return [...counts, ...money]
}

/** The form as the API wants it; windows that the form does not show stay as they were. */
export function limitsOf(draft: LimitsDraft, before: object | null | undefined): object {
  const count = (value: string) => (value.trim() ? Number(value) : null)
  const money = (value: string) => (value.trim() ? typedQuota(value) : null)
  const windows = (before as Limits | null | undefined)?.windows
  return {
    rpm: count(draft.rpm),
    tpm: count(draft.tpm),
    concurrency: count(draft.concurrency),
    ...(windows?.length ? { windows } : {}),
    budgets: { day: money(draft.day), month: money(draft.month) },
  }
}
