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

/** What somebody typed, as quota; null when it is no amount of money. */
export function typedQuota(text: string): number | null {
  const plain = text
    .trim()
    .replace(/^\$/, '')
    .replace(/,(?=\d{3}(\D|$))/g, '')
    .replace(',', '.')
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(plain)) return null
  const quota = Math.round(Number(plain) * DOLLARS_PER_QUOTA)
  return Number.isSafeInteger(quota) ? quota : null
}

/** 12,345 as 12.3K; exact below a thousand. */
export function short(count: number, locale?: string): string {
  return new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(count)
}

export const exact = (count: number, locale?: string) => new Intl.NumberFormat(locale).format(count)
