// What a group's users pay, as a difference in percent: a ratio of 0.8 is −20 %.
export interface Group {
  name: string
  ratio?: number | null
  limits: object
  users: number
  channels: number
  tokens: number
}

const tidy = (number: number) => Number(number.toFixed(6))

export const percentOf = (ratio: number | null | undefined) => String(tidy(((ratio ?? 1) - 1) * 100))

/** Null where it is no percentage, or one that would pay users for their calls. */
export function ratioOf(percent: string): number | null {
  const plain = percent.replace('%', '').replace('−', '-').replace(',', '.').trim()
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain)) return null
  const ratio = tidy(1 + Number(plain) / 100)
  return ratio >= 0 && ratio <= 1e6 ? ratio : null
}

/** −20 %, +50 %, ±0 %. */
export function shown(ratio: number, locale: string): string {
  return new Intl.NumberFormat(locale, {
    style: 'percent',
    signDisplay: 'exceptZero',
    maximumFractionDigits: 4,
  }).format(tidy(ratio - 1))
}
