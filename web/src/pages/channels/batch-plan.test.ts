import { describe, expect, it } from 'vitest'
import { stepsBack } from './batch-plan'
import type { Channel } from './queries'

const channel = (id: number, more: Partial<Channel>) => ({ id, status: 1, tags: [], ...more }) as Channel

describe('undoing a change of many channels', () => {
  const before = [channel(1, {}), channel(2, { status: 2 }), channel(3, { status: 3 }), channel(4, {})]

  it('gives each one what it had', () => {
    expect(stepsBack({ status: 2 }, [1, 2, 3, 4], before)).toEqual([
      { ids: [1, 4], set: { status: 1 } },
      { ids: [3], set: { status: 3 } },
    ])
  })

  it('puts back lists', () => {
    const tagged = [channel(1, { tags: ['a', 'b'] }), channel(2, { tags: ['b'] })]
    expect(stepsBack({ tags: ['b'] }, [1, 2], tagged)).toEqual([{ ids: [1], set: { tags: ['a', 'b'] } }])
  })

  it('is not offered for channels that were not seen', () => {
    expect(stepsBack({ status: 2 }, [1, 5], before)).toBe(undefined)
  })
})
