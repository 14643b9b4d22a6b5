import { describe, expect, it } from 'vitest'
import { along, type Marked, sorted } from './marked'

const after = (keys: string[], count = 10) =>
  keys.reduce<Marked | null>((marked, key) => {
    const shift = key.startsWith('+')
    return along(marked, shift ? key.slice(1) : key, shift, count)
  }, null)

describe('marking by keys', () => {
  it('begins at the end that the arrow comes from', () => {
    expect(after(['ArrowLeft'])).toEqual([9, 9])
    expect(after(['ArrowRight'])).toEqual([0, 0])
  })

  it('goes along, and with Shift marks what it passes', () => {
    expect(after(['ArrowLeft', 'ArrowLeft', '+ArrowLeft', '+ArrowLeft'])).toEqual([8, 6])
    expect(after(['ArrowRight', '+End'])).toEqual([0, 9])
    expect(after(['ArrowRight', '+ArrowRight', 'ArrowRight'])).toEqual([2, 2])
  })

  it('stays on the chart', () => {
    expect(after(['ArrowRight', '+ArrowLeft'])).toEqual([0, 0])
    expect(after(['ArrowLeft', 'ArrowRight'], 3)).toEqual([2, 2])
    expect(after(['ArrowLeft'], 0)).toBe(null)
  })

  it('leaves other keys alone', () => {
    expect(along([1, 2], 'ArrowUp', false, 10)).toBe(null)
    expect(sorted([8, 6])).toEqual([6, 8])
  })
})
