// The answer's points, added up by line and by slot. Money is added as whole nanodollars, so that no cent is lost.
import type { Schemas } from '../../api/client'
import { type Span, STEPS } from './range'

export type Point = Schemas['ChartPoint']

export interface Line {
  key: string
  name: string
  username: string
  calls: number
  failed: number
  tokensIn: number
  tokensOut: number
  nano: bigint
  /** By the slot's time. */
  slots: Map<number, { calls: number; tokens: number; nano: bigint }>
}

/** Decimal text as nanodollars. */
export function nano(text: string): bigint {
  const [, minus, whole, part = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === undefined) return 0n
  const size = BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, '0').slice(0, 9))
  return minus ? -size : size
}

/** Nanodollars as decimal text. */
export function dollars(amount: bigint): string {
  const size = amount < 0n ? -amount : amount
  return `${amount < 0n ? '-' : ''}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, '0')}`
}

/** The dearest first. */
export function linesOf(points: Point[]): Line[] {
  const lines = new Map<string, Line>()
  for (const point of points) {
    const key = `${point.id}:${point.name}`
    let line = lines.get(key)
    if (!line) {
      const { name, username } = point
      line = {
        key,
        name,
        username,
        calls: 0,
        failed: 0,
        tokensIn: 0,
        tokensOut: 0,
        nano: 0n,
        slots: new Map(),
      }
      lines.set(key, line)
    }
    const cost = nano(point.cost_usd)
    const slot = line.slots.get(point.time) ?? { calls: 0, tokens: 0, nano: 0n }
    line.slots.set(point.time, {
      calls: slot.calls + point.calls,
      tokens: slot.tokens + point.prompt_tokens + point.completion_tokens,
      nano: slot.nano + cost,
    })
    line.calls += point.calls
    line.failed += point.failed
    line.tokensIn += point.prompt_tokens
    line.tokensOut += point.completion_tokens
    line.nano += cost
  }
  return [...lines.values()].sort((a, b) => Number(b.nano - a.nano) || b.calls - a.calls)
}

export function totalOf(lines: Line[]) {
  const total = { calls: 0, failed: 0, tokensIn: 0, tokensOut: 0, nano: 0n }
  for (const line of lines) {
    total.calls += line.calls
    total.failed += line.failed
    total.tokensIn += line.tokensIn
    total.tokensOut += line.tokensOut
    total.nano += line.nano
  }
  return total
}

/** The beginnings of all slots, those without calls too. */
export function slotsOf({ from, to, step }: Span): number[] {
  const size = STEPS[step]
  const slots = []
  for (let at = Math.floor(from / size) * size; at < to; at += size) slots.push(at)
  return slots
}
