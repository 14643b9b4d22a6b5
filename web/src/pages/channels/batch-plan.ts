// Changes of many channels: what is asked for, and what puts back what each one was.
import type { Schemas } from '../../api/client'
import type { Channel } from './queries'

export type Values = Partial<Pick<Channel, 'status' | 'priority' | 'weight' | 'group' | 'tags'>>

export interface Step {
  ids?: number[]
  filter?: Schemas['ChannelChoice']
  expected?: number
  set?: Values
  delete?: true
}

/**
 * For each former value one step with those that had it, of the channels that were changed; undefined where the former
 * value of one of them is not known.
 */
export function stepsBack(set: Values, changed: number[], before: Channel[]): Step[] | undefined {
  const rows = new Map(before.map((channel) => [channel.id, channel]))
  const steps = new Map<string, Step & { ids: number[] }>()
  for (const id of changed) {
    const channel = rows.get(id)
    if (!channel) return undefined
    const former = Object.fromEntries(
      (Object.keys(set) as (keyof Values)[]).map((key) => [key, channel[key]]),
    ) as Values
    const text = JSON.stringify(former)
    if (text === JSON.stringify(set)) continue
    const step = steps.get(text) ?? { ids: [], set: former }
    step.ids.push(id)
    steps.set(text, step)
  }
  return [...steps.values()]
}
