// Prices as the API has them (nano-dollars per million units) and as people read them (dollars).
export const TOKENS = [
  'input',
  'output',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'reasoning',
  'audio_in',
  'audio_out',
  'image_in',
  'image_out',
] as const
/** Priced by the piece, not by the million. */
export const PIECES = ['request', 'image', 'second', 'character'] as const
export const BUCKETS = [...TOKENS, ...PIECES] as const
export type Bucket = (typeof BUCKETS)[number]

export interface Price {
  rates: Partial<Record<Bucket, number>>
  tiers?: { above_input: number; rates: Partial<Record<Bucket, number>> }[]
  max_output?: number
}

const digits = (bucket: Bucket) => ((PIECES as readonly string[]).includes(bucket) ? 15 : 9)

/** A rate as dollars, in plain digits. */
export function dollars(bucket: Bucket, nano: number | undefined): string {
  if (nano === undefined) return ''
  const size = digits(bucket)
  const text = String(nano).padStart(size + 1, '0')
  return `${text.slice(0, -size)}.${text.slice(-size)}`.replace(/\.?0+$/, '')
}

/** Dollars as a rate; null when it is none, undefined when nothing was typed. */
export function rate(bucket: Bucket, text: string): number | null | undefined {
  const plain = text.trim().replace(/^\$/, '').replace(',', '.')
  if (!plain) return undefined
  const parts = /^(\d{0,9})(?:\.(\d*))?$/.exec(plain)
  if (!parts || plain === '.') return null
  const size = digits(bucket)
  const fraction = (parts[2] ?? '').replace(/0+$/, '')
  if (fraction.length > size) return null
  const nano = Number(`${parts[1] ?? ''}${fraction.padEnd(size, '0')}`)
  return Number.isSafeInteger(nano) ? nano : null
}

export type Draft = Partial<Record<Bucket, string>>

export const draftOf = (price: Price | undefined): Draft =>
  Object.fromEntries(BUCKETS.map((bucket) => [bucket, dollars(bucket, price?.rates[bucket])]))

/** The price that a form says; null while a field holds no price, or none is given. Tiers stay as they were. */
export function priceOf(draft: Draft, before: Price | undefined): Price | null {
  const rates: Price['rates'] = {}
  for (const bucket of BUCKETS) {
    const nano = rate(bucket, draft[bucket] ?? '')
    if (nano === null) return null
    if (nano !== undefined) rates[bucket] = nano
  }
  if (Object.keys(rates).length === 0) return null
  return { ...before, rates }
}
