import { describe, expect, it } from 'vitest'
import { changesOf, draftOf, formerOf, shownOf } from './draft'
import type { Channel } from './queries'

const channel = {
  id: 7,
  name: 'main',
  type: 8,
  base_url: 'https://a.example/v1',
  models: 'one,two',
  model_mapping: '{}',
  group: 'default',
  priority: 0,
  weight: 3,
  tags: ['x'],
  headers: {},
  params: '{}',
  config: '{}',
  system_prompt: null,
  limits: { rpm: 5 },
} as unknown as Channel

const changed = (set: Partial<ReturnType<typeof draftOf>>) =>
  changesOf({ ...draftOf(channel), ...set }, channel)

describe('what a channel was', () => {
  it('is put back, and nothing else', () => {
    const changes = changed({ name: 'other', models: 'one\nthree', tags: '', weight: '9' })
    expect(formerOf(changes, channel)).toEqual({
      id: 7,
      name: 'main',
      models: ['one', 'two'],
      tags: ['x'],
      weight: 3,
    })
    expect(shownOf(changes)).toEqual({ name: 'other', models: 'one,three', tags: [], weight: 9 })
  })

  it('has its limits', () => {
    const limits = { ...draftOf(channel).limits, rpm: '' }
    expect(formerOf(changed({ limits }), channel)?.limits).toMatchObject({ rpm: 5 })
  })

  it('is not put back where a secret is concerned', () => {
    expect(formerOf(changed({ name: 'other', key: 'sk-new' }), channel)).toBe(null)
    expect(formerOf(changed({ config: '{"region": "x"}' }), channel)).toBe(null)
    expect(formerOf(changed({ base_url: 'https://b.example/v1' }), channel)).toBe(null)
    // The same host keeps its key.
    expect(formerOf(changed({ base_url: 'https://a.example/v2' }), channel)).toEqual({
      id: 7,
      base_url: 'https://a.example/v1',
    })
    const plain = { ...channel, base_url: '' }
    expect(formerOf({ id: 7, type: 1 }, plain), 'each type has a host of its own').toBe(null)
  })
})
