/** Where a marking began, and where it is now. */
export type Marked = [anchor: number, head: number]

export const sorted = ([anchor, head]: Marked): [number, number] =>
  anchor <= head ? [anchor, head] : [head, anchor]

/** What is marked after a key: arrows go on, with Shift they leave the beginning where it is; null for other keys. */
export function along(marked: Marked | null, key: string, shift: boolean, count: number): Marked | null {
  const ends: Record<string, number> = { Home: 0, End: count - 1 }
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key]
  if (count === 0 || (step === undefined && ends[key] === undefined)) return null
  if (!marked) {
    // From the newest back, or from the oldest on.
    const first = ends[key] ?? (step === 1 ? 0 : count - 1)
    return [first, first]
  }
  const head = ends[key] ?? Math.min(Math.max(marked[1] + (step ?? 0), 0), count - 1)
  return [shift ? marked[0] : head, head]
}
