// Money and other numbers, as people read them. Amounts come as decimal text and are never rounded to nothing.
const DOLLARS_PER_QUOTA = 500_000

/** A dollar amount with as many digits as tell it apart from zero; whole cents from a cent up. */
export function usd(amount: string | number, locale?: string): string {
  const value = Number(amount)
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size === 0 || size >= 0.995 ? 2 : size >= 0.01 ? 4 : 2
  const format = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    ...(size !== 0 && size < 0.01
      ? { minimumSignificantDigits: 1, maximumSignificantDigits: digits + 1 }
      : { minimumFractionDigits: 2, maximumFractionDigits: digits }),
  })
  return format.format(value)
}

/** Quota, the unit of one-api's API, as dollars. */
export const quotaUsd = (quota: number) => quota / DOLLARS_PER_QUOTA

/** Digits in groups of three between marks of one kind. */
const grouped = (text: string, mark: string) =>
  text.split(mark).every((group, at) => (at === 0 ? /^-?\d{1,3}$/ : /^\d{3}$/).test(group))

/**
 * A typed number with a point and no groups; null where it could be read in two ways. A point alone is a decimal one,
 * as the fields show it. `1,234` is a thousand to some and one and a quarter to others: it is refused.
 */
function unambiguous(text: string): string | null {
  const [points, commas] = [text.split('.').length - 1, text.split(',').length - 1]
  if (commas === 0 && points <= 1) return text
  if (points > 0 && commas > 0) {
    const [mark, group] = text.lastIndexOf('.') > text.lastIndexOf(',') ? ['.', ','] : [',', '.']
    const [whole = '', part = '', ...more] = text.split(mark)
    return more.length === 0 && grouped(whole, group) ? `${whole.replaceAll(group, '')}.${part}` : null
  }
  const mark = commas > 0 ? ',' : '.'
  if (commas + points > 1) return grouped(text, mark) ? text.replaceAll(mark, '') : null
  return /^-?[1-9]\d{0,2},\d{3}$/.test(text) ? null : text.replace(',', '.')
}

/** What somebody typed, as quota; null when it is no amount of money, or might be another. */
export function typedQuota(text: string): number | null {
  const plain = unambiguous(text.trim().replace(/^\$/, ''))
  if (plain === null || !/^-?(\d+\.?\d*|\.\d+)$/.test(plain)) return null
  const quota = Math.round(Number(plain) * DOLLARS_PER_QUOTA)
  return Number.isSafeInteger(quota) ? quota : null
}

/** 12,345 as 12.3K; exact below a thousand. */
export function short(count: number, locale?: string): string {
  return new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(count)
}

export const exact = (count: number, locale?: string) => new Intl.NumberFormat(locale).format(count)
