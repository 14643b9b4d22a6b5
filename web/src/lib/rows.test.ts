import { describe, expect, it } from 'vitest'
import { rows, withId } from './rows'

const off = withId<{ id: number; status: number }>(2, { status: 2 })
const list = [
  { id: 1, status: 1 },
  { id: 2, status: 1 },
]
const after = [
  { id: 1, status: 1 },
  { id: 2, status: 2 },
]

describe('what a query holds', () => {
  it('is changed in each of its forms, and never in place', () => {
    const before = JSON.stringify(list)
    expect(off(list)).toEqual(after)
    expect(off({ success: true, data: list, total: 7 })).toEqual({ success: true, data: after, total: 7 })
    expect(off({ id: 2, status: 1 })).toEqual({ id: 2, status: 2 })
    expect(off({ id: 3, status: 1 })).toEqual({ id: 3, status: 1 })
    expect(JSON.stringify(list)).toBe(before)
  })

  it('is left alone where it is nothing', () => {
    expect(off(undefined)).toBe(undefined)
    expect(off(null)).toBe(null)
    expect(rows(() => 'changed')([])).toEqual([])
  })

  it('is changed in many rows', () => {
    const both = withId<{ id: number; status: number }>([1, 2], { status: 3 })
    expect(both(list)).toEqual([
      { id: 1, status: 3 },
      { id: 2, status: 3 },
    ])
  })
})
