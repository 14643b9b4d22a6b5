import { describe, expect, it } from 'vitest'
import { before, closer, span, whole } from './range'

const at = (text: string) => Date.parse(`${text}Z`) / 1000
const now = new Date('2026-05-20T12:00:00Z')

describe('a closer look', () => {
  it('shows what was drawn over, and nothing else', () => {
    for (const [from, to, step, finer] of [
      ['2026-05-01T00:00', '2026-05-04T00:00', 'day', 'hour'],
      ['2026-05-01T00:00', '2026-05-12T00:00', 'day', 'day'],
      ['2026-05-19T05:00', '2026-05-19T17:00', 'hour', 'hour'],
      ['2026-05-20T09:00', '2026-05-20T11:00', 'hour', 'minute'],
    ] as const) {
      const seen = span(closer(at(from), at(to), step), now)
      expect([seen.from, seen.to, seen.step], from).toEqual([at(from), at(to), finer])
    }
  })

  it('is never of no time', () => {
    const seen = span({ range: 'custom', from: '2026-05-20T11:00', to: '2026-05-20T09:00' }, now)
    expect(seen.to).toBeGreaterThan(seen.from)
  })

  it('leads back to what was looked at first', () => {
    const first = { range: 'week', step: 'day' }
    const was = before(first)
    const closest = { ...closer(at('2026-05-01T00:00'), at('2026-05-04T00:00'), 'day'), was }
    expect(before(closest)).toBe(was)
    expect(whole(was)).toEqual({ ...first, from: undefined, to: undefined, was: undefined })
    expect(span(whole(before({})), now).name).toBe('month')
  })
})
