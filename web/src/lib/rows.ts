// Changing what a query holds before the API has answered.

/** What was seen, as it is after a change; what it does not know, it leaves as it is. */
export type Patch = (seen: unknown) => unknown

/** Changes rows of a list (an array, or an answer with one in `data`), or the one thing that a query holds. */
export const rows =
  <Row>(change: (row: Row) => Row): Patch =>
  (seen) => {
    if (Array.isArray(seen)) return seen.map(change)
    if (typeof seen !== 'object' || seen === null) return seen
    if ('data' in seen && Array.isArray(seen.data)) return { ...seen, data: seen.data.map(change) }
    return change(seen as Row)
  }

/** Sets members of the rows with these ids. */
export const withId = <Row extends { id: number }>(
  ids: number | readonly number[],
  set: Partial<Row>,
): Patch => {
  const wanted = new Set(typeof ids === 'number' ? [ids] : ids)
  return rows<Row>((row) => (wanted.has(row.id) ? { ...row, ...set } : row))
}
