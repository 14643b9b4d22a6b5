import { expect, test } from 'vitest'
import { behind, bytes, type Node } from './words'

test('bytes are readable', () => {
  const shown = [0, 1, 1_500, 20_000_000, 3e12].map((count) => bytes(count, 'en'))
  expect(shown).toEqual(['0 kB', '0.1 kB', '1.5 kB', '20 MB', '3 TB'])
})

test('a node is behind those that live', () => {
  const node = (in_force: number, live = true) => ({ in_force, live }) as Node
  const all = [node(3), node(4), node(9, false), node(0)]
  expect(all.map((one) => behind(one, all))).toEqual([true, false, false, false])
})
