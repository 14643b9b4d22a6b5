import { describe, expect, it } from 'vitest'
import { lately, partOf, slots, stepOf } from './figures'

describe('a part of the last hours', () => {
  it('is what the address says, if it is one', () => {
    expect(partOf({ from: '600', to: '1500' })).toEqual({ from: 600, to: 1500 })
    for (const [from, to] of [
      ['1500', '600'],
      ['x', '600'],
      ['0', '90000'],
      ['', ''],
    ] as const)
      expect(partOf({ from, to }), `${from} ${to}`).toBe(undefined)
    expect(partOf({})).toBe(undefined)
  })

  it('has finer bars, none of them missing', () => {
    const part = { from: 600, to: 1500 }
    const point = { time: 660, calls: 2, failed: 1, cost_usd: '0.5' } as never
    const bars = slots([point], part, stepOf(part))
    expect(bars.map(({ time }) => time)).toEqual(Array.from({ length: 15 }, (_, at) => 600 + at * 60))
    expect(bars[1]).toEqual({ time: 660, calls: 2, failed: 1, cost: 0.5 })
    expect(slots([], lately(7_300), stepOf(undefined))).toHaveLength(24)
    expect(lately(7_300).to).toBe(7_500)
  })
})
