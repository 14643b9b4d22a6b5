import type { paths } from '../../api/schema'

export type Node = paths['/api/node']['get']['responses'][200]['content']['application/json']['data'][number]

const UNITS = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** Bytes as people read them: thousands at least, and something is never nothing. */
export function bytes(count: number, locale?: string): string {
  const size = Math.ceil(count / 100) / 10
  const power = size < 1000 ? 0 : Math.min(Math.floor(Math.log(size) / Math.log(1000)), UNITS.length - 1)
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[power] ?? 'kilobyte',
    unitDisplay: 'short',
    maximumFractionDigits: 1,
  }).format(size / 1000 ** power)
}

/** What a node is called: one that never said so has but its number. */
export const called = (node: Node) => node.name || node.id

/** Nodes that do not serve yet what another one does. One that has just begun has not said. */
export const behind = (node: Node, all: Node[]) =>
  node.live && node.in_force > 0 && all.some((other) => other.live && other.in_force > node.in_force)
