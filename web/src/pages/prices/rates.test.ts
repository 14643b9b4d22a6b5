import { describe, expect, it } from 'vitest'
import { dollars, rate } from './rates'

describe('prices', () => {
  it('come back as the integer that was shown', () => {
    for (let n = 0; n < 2_000; n++) {
      const nano = Math.floor(Math.abs(Math.sin(n) * 10 ** (n % 15)))
      expect(rate('input', dollars('input', nano))).toBe(nano)
      expect(rate('image', dollars('image', nano))).toBe(nano)
    }
  })

  it('are dollars per million tokens, or per piece', () => {
    expect(rate('input', '2.50')).toBe(2_500_000_000)
    expect(rate('image', '0.04')).toBe(40_000_000_000_000)
    expect(dollars('output', 10_000_000_000)).toBe('10')
    expect(dollars('input', 0)).toBe('0')
    for (const text of ['x', '.', '-1', '1e3', '1.2.3']) expect(rate('input', text), text).toBe(null)
  })
})
