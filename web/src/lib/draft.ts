// What a form holds of something that the API keeps, and that others may change while it is open.
import { useState } from 'react'

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A draft that was made of `seen`, now that it is `now`: what nobody has touched follows, what was typed stays. Else saving
 * one field would put back what others have made of the rest.
 */
export function rebased<D>(draft: D, seen: D, now: D): D {
  if (same(draft, seen)) return now
  if (!isFields(draft) || !isFields(seen) || !isFields(now)) return draft
  const fields = new Set([...Object.keys(draft), ...Object.keys(now)])
  return Object.fromEntries(
    [...fields].map((field) => [field, rebased(draft[field], seen[field], now[field])]),
  ) as D
}

/**
 * `now`: what the API has, as the form shows it. `still`: it is not followed meanwhile, as what is shown before the API has
 * taken it may be taken back. `change`: what was typed. `took(sent, told)`: the API has taken `sent`, and has `told` of it;
 * what was typed since stays.
 */
export function useDraft<D>(now: D, still = false) {
  const [{ seen, draft }, hold] = useState({ seen: now, draft: now })
  const stale = !still && !same(seen, now)
  const moved = stale ? rebased(draft, seen, now) : draft
  // While it is drawn, so that the form is never seen with what is no longer so.
  if (stale) hold({ seen: now, draft: moved })
  return {
    draft: moved,
    change: (draft: D) => hold((held) => ({ ...held, draft })),
    took: (sent: D, told: D) => hold((held) => ({ ...held, draft: rebased(held.draft, sent, told) })),
  }
}
