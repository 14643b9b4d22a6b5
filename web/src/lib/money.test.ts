import { describe, expect, it } from 'vitest'
import { quotaUsd, typedQuota, usd } from './money'

describe('money', () => {
  it('is never rounded to nothing', () => {
    expect(usd('0.000123', 'en-US')).toBe('$0.000123')
    expect(usd('0.0000000021', 'en-US')).toBe('$0.0000000021')
    expect(usd(0, 'en-US')).toBe('$0.00')
    expect(usd('12.5', 'en-US')).toBe('$12.50')
    expect(usd('0.0417', 'en-US')).toBe('$0.0417')
    expect(usd('-3', 'en-US')).toBe('-$3.00')
  })

  it('comes back as the integer that was shown', () => {
    for (let n = 0; n < 5_000; n++) {
      const quota = Math.floor(Math.abs(Math.sin(n) * 10 ** (n % 13)))
      expect(typedQuota(String(quotaUsd(quota)))).toBe(quota)
    }
  })

  it('is read as people type it', () => {
    expect(typedQuota('$1,234.50')).toBe(617_250_000)
    expect(typedQuota(' 10 ')).toBe(5_000_000)
    expect(typedQuota('1,5')).toBe(750_000)
    // With a decimal comma, as much of the world has it: an eighth of a dollar, never 125.
    expect(typedQuota('0,125')).toBe(62_500)
    expect(typedQuota('1.234,50')).toBe(617_250_000)
    expect(typedQuota('1,234,567')).toBe(617_283_500_000)
    expect(typedQuota('1.234')).toBe(617_000)
    expect(typedQuota('1234,125')).toBe(617_062_500)
    for (const text of ['', 'ten', '1.2.3', '$', '1e9999', '--1', '1,234', '-1,234', '1,23,456', '1.2,3.4'])
      expect(typedQuota(text), text).toBe(null)
  })
})
