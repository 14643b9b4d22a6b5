// A channel as its form has it, and what of it has changed.
import type { Schemas } from '../../api/client'
import { type LimitsDraft, limitsDraft, limitsFaults, limitsOf } from '../../lib/limits'
import type { Channel } from './queries'
import { names } from './vendors'

export interface Draft {
  name: string
  type: string
  key: string
  base_url: string
  models: string
  model_mapping: string
  group: string
  priority: string
  weight: string
  tags: string
  headers: string
  params: string
  config: string
  system_prompt: string
  limits: LimitsDraft
}

const lines = (text: string) => text.split(',').filter(Boolean).join('\n')
const object = (value: object | string) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return text.trim() === '{}' ? '' : text
}

export const draftOf = (channel: Channel): Draft => ({
  name: channel.name,
  type: String(channel.type),
  key: '',
  base_url: channel.base_url,
  models: lines(channel.models),
  model_mapping: object(channel.model_mapping),
  group: channel.group.split(',').join(', '),
  priority: String(channel.priority),
  weight: String(channel.weight),
  tags: channel.tags.join(', '),
  headers: object(channel.headers),
  params: object(channel.params),
  config: object(channel.config),
  system_prompt: channel.system_prompt ?? '',
  limits: limitsDraft(channel.limits),
})

const isObject = (text: string) => {
  if (!text.trim()) return true
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

export type Fault = 'number' | 'json' | 'limits'

/** What can't be saved, by field. */
export function faultsOf(draft: Draft): Partial<Record<keyof Draft, Fault>> {
  const faults: Partial<Record<keyof Draft, Fault>> = {}
  if (!/^-?\d{1,9}$/.test(draft.priority.trim())) faults.priority = 'number'
  if (!/^\d{1,9}$/.test(draft.weight.trim())) faults.weight = 'number'
  for (const key of ['model_mapping', 'headers', 'params', 'config'] as const)
    if (!isObject(draft[key])) faults[key] = 'json'
  if (limitsFaults(draft.limits).length) faults.limits = 'limits'
  return faults
}

/** Only what was changed: others may have changed the rest meanwhile. */
export function changesOf(draft: Draft, channel: Channel): Schemas['ChannelBody'] {
  const before = draftOf(channel)
  const as: { [K in keyof Draft]: (value: Draft[K]) => unknown } = {
    name: (value) => value.trim(),
    type: Number,
    key: (value) => value.trim(),
    base_url: (value) => value.trim(),
    models: names,
    model_mapping: (value) => value.trim() || '{}',
    group: names,
    priority: Number,
    weight: Number,
    tags: names,
    headers: (value) => value.trim() || '{}',
    params: (value) => value.trim() || '{}',
    config: (value) => value.trim() || '{}',
    system_prompt: (value) => value,
    limits: (value) => limitsOf(value, channel.limits),
  }
  const body: Record<string, unknown> = { id: channel.id }
  for (const key of Object.keys(as) as (keyof Draft)[]) {
    if (JSON.stringify(draft[key]) === JSON.stringify(before[key])) continue
    body[key] = (as[key] as (value: unknown) => unknown)(draft[key])
  }
  return body as Schemas['ChannelBody']
}
