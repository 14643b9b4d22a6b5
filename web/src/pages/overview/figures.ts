// What the overview asks for, again and again.
import { queryOptions } from '@tanstack/react-query'
import { api, type Schemas, whole } from '../../api/client'
import { every } from '../../lib/live'

export const HOURS = 2

/** Calls of the last hours by minute, all models together. */
export const minutes = queryOptions({
  queryKey: ['stats', 'overview'],
  queryFn: () =>
    whole(api.GET('/api/stats', { params: { query: { by: 'model', step: 'minute', top: '500' } } })),
  refetchInterval: every(5_000),
})

export interface Slot {
  time: number
  calls: number
  failed: number
  cost: number
}

/** One slot for every `step` seconds, also where nobody called. */
export function slots(points: Schemas['ChartPoint'][], now: number, step = 300): Slot[] {
  const last = Math.floor(now / step) * step
  const count = (HOURS * 3600) / step
  const all = Array.from({ length: count }, (_, at) => ({
    time: last - (count - 1 - at) * step,
    calls: 0,
    failed: 0,
    cost: 0,
  }))
  const first = all[0]?.time ?? 0
  for (const point of points) {
    const slot = all[Math.floor((point.time - first) / step)]
    if (!slot) continue
    slot.calls += point.calls
    slot.failed += point.failed
    slot.cost += Number(point.cost_usd)
  }
  return all
}
