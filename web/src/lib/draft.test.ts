import { describe, expect, it } from 'vitest'
import { rebased } from './draft'

describe('a form', () => {
  const seen = { group: 'default', name: 'ann', limits: { rpm: '5', tpm: '' } }

  it('follows what others change where nobody typed', () => {
    const now = { group: 'vip', name: 'ann', limits: { rpm: '5', tpm: '900' } }
    expect(rebased(seen, seen, now)).toEqual(now)
    const typed = { ...seen, name: 'Ann', limits: { rpm: '7', tpm: '' } }
    expect(rebased(typed, seen, now)).toEqual({
      group: 'vip',
      name: 'Ann',
      limits: { rpm: '7', tpm: '900' },
    })
  })

  it('keeps what was typed, also where others have typed', () => {
    expect(rebased({ ...seen, name: 'Ann' }, seen, { ...seen, name: 'anna' }).name).toBe('Ann')
  })

  it('loses and gains fields as the other does', () => {
    const seen: Record<string, string> = { a: '1', b: '2' }
    expect(rebased({ ...seen, a: 'x' }, seen, { a: '1', c: '3' })).toEqual({ a: 'x', b: undefined, c: '3' })
  })
})
