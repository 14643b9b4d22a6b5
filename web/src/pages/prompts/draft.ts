// A version as it is being written: texts, until they are said to the API.
import type { Schemas } from '../../api/client'

export type Version = Schemas['PromptVersion']
export type Message = Schemas['PromptMessage']

export interface Draft {
  messages: Message[]
  model: string
  parameters: string
  variables: string
}

export const EMPTY: Draft = {
  messages: [{ role: 'system', content: '' }],
  model: '',
  parameters: '',
  variables: '',
}

const pretty = (value: unknown) =>
  value && Object.keys(value as object).length > 0 ? JSON.stringify(value, null, 2) : ''

export const draftOf = (version: Version): Draft => ({
  messages: version.messages,
  model: version.model ?? '',
  parameters: pretty(version.parameters),
  variables: pretty(version.variables),
})

/** A JSON object, null for nothing, undefined for what is none. */
export function object(text: string): Record<string, never> | null | undefined {
  if (!text.trim()) return null
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, never>)
      : undefined
  } catch {
    return undefined
  }
}

/** What the API takes; null while something in it is no JSON. */
export function bodyOf(draft: Draft): Schemas['VersionBody'] | null {
  const [parameters, variables] = [object(draft.parameters), object(draft.variables)]
  if (parameters === undefined || variables === undefined) return null
  return { messages: draft.messages, model: draft.model.trim() || null, parameters, variables }
}

/** The text of a version, line by line, for comparing. */
export function linesOf(version: Version): string[] {
  const head = version.model ? [`model: ${version.model}`] : []
  const said = version.messages.flatMap((message) => [`— ${message.role}`, ...message.content.split('\n')])
  const rest = [pretty(version.parameters), pretty(version.variables)]
    .filter(Boolean)
    .flatMap((text) => text.split('\n'))
  return [...head, ...said, ...(rest.length > 0 ? ['—', ...rest] : [])]
}

export interface Line {
  kind: 'same' | 'gone' | 'new'
  text: string
}

/** What has changed between two texts, by their longest common part. */
export function changes(before: string[], after: string[]): Line[] {
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      lengths[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const lines: Line[] = []
  let [row, column] = [0, 0]
  while (row < before.length || column < after.length) {
    if (row < before.length && column < after.length && before[row] === after[column]) {
      lines.push({ kind: 'same', text: before[row] ?? '' })
      row += 1
      column += 1
    } else if (
      column >= after.length ||
      (row < before.length && at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push({ kind: 'gone', text: before[row] ?? '' })
      row += 1
    } else {
      lines.push({ kind: 'new', text: after[column] ?? '' })
      column += 1
    }
  }
  return lines
}
