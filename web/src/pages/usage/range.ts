// Which time is looked at, and in which steps. Slots are whole minutes, hours and days in UTC.
export interface Search {
  range?: string
  from?: string
  to?: string
  step?: string
  by?: string
  who?: string
  /** What was looked at before a part of it was: see `before`. */
  was?: string
}

export const RANGES = ['two', 'day', 'week', 'month', 'last', 'quarter', 'custom'] as const
export type RangeName = (typeof RANGES)[number]
export type Step = 'minute' | 'hour' | 'day'
export const STEPS: Record<Step, number> = { minute: 60, hour: 3_600, day: 86_400 }

export interface Span {
  name: RangeName
  /** Unix seconds; `to` is not in it. */
  from: number
  to: number
  steps: Step[]
  step: Step
}

const DAY = 86_400
const MOST_SLOTS = 200

const seconds = (date: Date) => Math.floor(date.getTime() / 1000)
const month = (now: Date, by: number) =>
  seconds(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + by)))
/** A day, or a minute of one, in UTC. */
const timeOf = (text: string | undefined) => {
  const parts = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d))?$/.exec(text ?? '')
  const time = parts ? Date.parse(`${parts[1]}T${parts[2] ?? '00:00'}:00Z`) / 1000 : Number.NaN
  return Number.isFinite(time) ? time : undefined
}
export const isoDay = (at: number) => new Date(at * 1000).toISOString().slice(0, 10)
const isoMinute = (at: number) => new Date(at * 1000).toISOString().slice(0, 16)

/** What to look at to see the slots from one time to another, which is not in it, as large as can be. */
export function closer(from: number, to: number, step: Step): Search {
  const whole = from % DAY === 0 && to % DAY === 0
  return {
    range: 'custom',
    from: whole ? isoDay(from) : isoMinute(from),
    // A day that is named is in it, a minute is not.
    to: whole ? isoDay(to - 1) : isoMinute(to),
    step: to - from <= 3 * 3_600 ? 'minute' : to - from <= 4 * DAY && step === 'day' ? 'hour' : step,
  }
}

const TIMES = ['range', 'from', 'to', 'step'] as const

/** What is looked at, as one text for the address; the first one stays while it is looked at closer and closer. */
export const before = (search: Search): string =>
  search.was ?? TIMES.map((name) => search[name] ?? '').join('~')

/** Back to what was looked at first. */
export function whole(was: string): Search {
  const values = was.split('~')
  const times = Object.fromEntries(TIMES.map((name, at) => [name, values[at] || undefined]))
  return { ...times, was: undefined } as Search
}

/** The times of a name, up to the end of the minute. */
function bounds(name: RangeName, search: Search, now: Date): [number, number] {
  const end = Math.ceil(seconds(now) / 60) * 60
  const today = Math.floor(end / DAY) * DAY
  switch (name) {
    case 'two':
      return [end - 2 * 3_600, end]
    case 'day':
      return [end - DAY, end]
    case 'week':
      return [today - 6 * DAY, end]
    case 'quarter':
      return [today - 89 * DAY, end]
    case 'last':
      return [month(now, -1), month(now, 0)]
    case 'custom': {
      const from = timeOf(search.from) ?? month(now, 0)
      const last = timeOf(search.to) ?? today
      const to = search.to?.includes('T') ? last : last + DAY
      return [from, to > from ? to : from + DAY]
    }
    default:
      return [month(now, 0), end]
  }
}

export function span(search: Search, now = new Date()): Span {
  const name = RANGES.find((range) => range === search.range) ?? 'month'
  const [from, to] = bounds(name, search, now)
  // Minutes are kept for two days, hours for ninety.
  const fits: Record<Step, boolean> = {
    minute: to - from <= 3 * 3_600,
    hour: (to - from) / 3_600 <= MOST_SLOTS && seconds(now) - from < 90 * DAY,
    day: to - from > DAY || name === 'custom' || name === 'month' || name === 'last',
  }
  const steps = (Object.keys(STEPS) as Step[]).filter((step) => fits[step])
  const wanted = steps.find((step) => step === search.step)
  const usual: Step = name === 'two' ? 'minute' : name === 'day' ? 'hour' : 'day'
  return { name, from, to, steps, step: wanted ?? (steps.includes(usual) ? usual : (steps[0] ?? 'day')) }
}
