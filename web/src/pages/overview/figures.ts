// What the overview asks for, again and again.
import { queryOptions } from '@tanstack/react-query'
import { api, type Schemas, whole } from '../../api/client'
import { every } from '../../lib/live'

export const HOURS = 2

/** A part of the time that is looked at; Unix seconds, `to` is not in it. */
export interface Part {
  from: number
  to: number
}

/** The part that an address names; none, where it is none of a few hours. */
export function partOf(search: { from?: string; to?: string }): Part | undefined {
  const [from, to] = [Number(search.from), Number(search.to)]
  return Number.isInteger(from) && Number.isInteger(to) && to > from && to - from <= HOURS * 3_600
    ? { from, to }
    : undefined
}

/** Seconds of a bar: what fits on a screen. */
export const stepOf = (part: Part | undefined) => (part && part.to - part.from <= 2_400 ? 60 : 300)

/** Calls by minute, all models together: of the last hours, or of a part of them, which stays as it is. */
export const minutes = (part?: Part) =>
  queryOptions({
    queryKey: ['stats', 'overview', part],
    queryFn: () => {
      const time = part ? { from: String(part.from), to: String(part.to) } : {}
      return whole(
        api.GET('/api/stats', { params: { query: { by: 'model', step: 'minute', top: '500', ...time } } }),
      )
    },
    refetchInterval: part ? false : every(5_000),
    placeholderData: (before) => before,
  })

export interface Slot {
  time: number
  calls: number
  failed: number
  cost: number
}

/** One slot for every `step` seconds, also where nobody called. */
export function slots(points: Schemas['ChartPoint'][], { from, to }: Part, step: number): Slot[] {
  const first = Math.floor(from / step) * step
  const all = Array.from({ length: Math.ceil((to - first) / step) }, (_, at) => ({
    time: first + at * step,
    calls: 0,
    failed: 0,
    cost: 0,
  }))
  for (const point of points) {
    const slot = all[Math.floor((point.time - first) / step)]
    if (!slot) continue
    slot.calls += point.calls
    slot.failed += point.failed
    slot.cost += Number(point.cost_usd)
  }
  return all
}

/** The last hours, up to the end of the bar that is growing. */
export function lately(now: number): Part {
  const to = (Math.floor(now / 300) + 1) * 300
  return { from: to - HOURS * 3_600, to }
}
