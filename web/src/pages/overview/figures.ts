// What the overview asks for, again and again.
import { queryOptions } from '@tanstack/react-query'
import { api, data, type Schemas, whole } from '../../api/client'
import { takesCalls } from '../channels/state'

/** Channels looked at: a list has 100 a page, and a page that is open all day should not ask for many. */
const PAGES_MAX = 3

/** The newest channels, and how many there are. */
export const everyChannel = queryOptions({
  queryKey: ['channels', 'overview'],
  queryFn: async () => {
    const rows: Schemas['Channel'][] = []
    let total: number | string = 0
    for (let p = 0; p < PAGES_MAX; p++) {
      const page = await whole(api.GET('/api/channel', { params: { query: { p, page_size: 100 } } }))
      rows.push(...page.data)
      total = page.total
      if (page.data.length < 100) break
    }
    return { rows, total }
  },
  refetchInterval: ({ state }) => ((state.data?.rows.length ?? 0) > 100 ? 15_000 : 5_000),
})

export const HOURS = 2

/** Calls of the last hours by minute, all models together. */
export const minutes = queryOptions({
  queryKey: ['stats', 'overview'],
  queryFn: () =>
    whole(api.GET('/api/stats', { params: { query: { by: 'model', step: 'minute', top: '500' } } })),
  refetchInterval: 5_000,
})

export const unpriced = queryOptions({
  queryKey: ['prices'],
  queryFn: () => data(api.GET('/api/price')),
  refetchInterval: 30_000,
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

/** Models that some channel offers, and none that takes calls. */
export function unserved(channels: Schemas['Channel'][]) {
  const served = new Map<string, boolean>()
  for (const channel of channels) {
    const takes = takesCalls(channel)
    for (const model of channel.models.split(',').filter(Boolean))
      served.set(model, (served.get(model) ?? false) || takes)
  }
  return [...served].filter(([, takes]) => !takes).map(([model]) => model)
}
