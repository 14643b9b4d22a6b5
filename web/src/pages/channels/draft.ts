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

const AS: { [K in keyof Draft]: (value: Draft[K], channel: Channel) => unknown } = {
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
  limits: (value, channel) => limitsOf(value, channel.limits),
}

const bodyOf = (draft: Draft, channel: Channel, keys: (keyof Draft)[]) =>
  ({
    id: channel.id,
    ...Object.fromEntries(
      keys.map((key) => [
        key,
        (AS[key] as (value: unknown, channel: Channel) => unknown)(draft[key], channel),
      ]),
    ),
  }) as Schemas['ChannelBody']

/** Only what was changed: others may have changed the rest meanwhile. */
export function changesOf(draft: Draft, channel: Channel): Schemas['ChannelBody'] {
  const before = draftOf(channel)
  const keys = Object.keys(AS) as (keyof Draft)[]
  return bodyOf(
    draft,
    channel,
    keys.filter((key) => JSON.stringify(draft[key]) !== JSON.stringify(before[key])),
  )
}

/** Where its secrets belong: those of one host are not sent to another. */
function hostOf({ base_url, type }: Pick<Draft, 'base_url' | 'type'>) {
  try {
    return new URL(base_url).host
  } catch {
    return `${base_url} of type ${type}`
  }
}

/**
 * What the changed fields were; null where secrets are concerned, which nobody has to put back: a key or a configuration
 * that was written anew, and those that went with another host.
 */
export function formerOf(changes: Schemas['ChannelBody'], channel: Channel): Schemas['ChannelBody'] | null {
  const before = draftOf(channel)
  const after = {
    base_url: changes.base_url ?? before.base_url,
    type: String(changes.type ?? before.type),
  }
  if ('key' in changes || 'config' in changes || hostOf(before) !== hostOf(after)) return null
  return bodyOf(before, channel, Object.keys(changes).filter((key) => key in AS) as (keyof Draft)[])
}

/** What a list shows of these changes. */
export const shownOf = ({ name, models, group, tags, priority, weight }: Schemas['ChannelBody']) =>
  Object.fromEntries(
    Object.entries({
      name,
      priority,
      weight,
      tags,
      models: Array.isArray(models) ? models.join(',') : undefined,
      group: Array.isArray(group) ? group.join(',') || 'default' : undefined,
    }).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<Channel>
