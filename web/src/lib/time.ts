// Times: relative for reading, absolute for being sure.
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** Unix seconds as "3 minutes ago". */
export function ago(seconds: number, locale?: string, now = Date.now() / 1000): string {
  const distance = seconds - now
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  for (const [unit, size] of UNITS) {
    if (Math.abs(distance) >= size) return format.format(Math.trunc(distance / size), unit)
  }
  return format.format(Math.trunc(distance), 'second')
}

/** Unix seconds with date, time and zone. */
export function moment(seconds: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long' }).format(seconds * 1000)
}

export const day = (seconds: number, locale?: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(seconds * 1000)

/** From a time to another, with the day, as the language says it. */
export const spanned = ({ from, to }: { from: number; to: number }, locale?: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).formatRange(
    from * 1000,
    to * 1000,
  )
