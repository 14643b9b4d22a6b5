import { expect, it } from 'vitest'
import { bodyOf, changes, EMPTY } from './draft'

it('a difference keeps what is common, and both texts can be read out of it', () => {
  const texts = ['', 'a', 'a\nb\nc', 'b\nc\nd', 'c\nb\na', 'a\nx\nb\nx\nc'].map((text) => text.split('\n'))
  for (const before of texts) {
    for (const after of texts) {
      const lines = changes(before, after)
      expect(lines.filter(({ kind }) => kind !== 'new').map(({ text }) => text)).toEqual(before)
      expect(lines.filter(({ kind }) => kind !== 'gone').map(({ text }) => text)).toEqual(after)
    }
  }
  expect(changes(['a', 'b', 'c'], ['b', 'c', 'd']).map(({ kind }) => kind)).toEqual([
    'gone',
    'same',
    'same',
    'new',
  ])
})

it('what is no JSON object is no version', () => {
  expect(bodyOf({ ...EMPTY, variables: '[1]' })).toBe(null)
  expect(bodyOf({ ...EMPTY, parameters: '{' })).toBe(null)
  expect(bodyOf({ ...EMPTY, parameters: '{"top_p": 0.5}', model: ' m ' })).toEqual({
    messages: EMPTY.messages,
    model: 'm',
    parameters: { top_p: 0.5 },
    variables: null,
  })
})
