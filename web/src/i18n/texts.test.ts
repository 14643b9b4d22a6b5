import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { en } from './en'
import { fill } from './fill'
import { LANGUAGES, languageFor } from './languages'

const named = (text: string, form: RegExp) => new Set([...text.matchAll(form)].map((found) => found[1]))
/** Values that are shown, and all that may be. */
const shown = (text: string) => named(text, /\{(\w+)\}/g)
const taken = (text: string) => named(text, /\{(\w+)[|}]/g)
const within = <T>(some: Set<T>, all: Set<T>) => [...some].every((one) => all.has(one))

describe.each(Object.entries(LANGUAGES))('%s', (_, { load }) => {
  test('has every text and no other', async () => {
    expect(Object.keys(await load()).sort()).toEqual(Object.keys(en).sort())
  })

  test('takes the values that English takes', async () => {
    const texts = await load()
    const wrong = Object.entries(en).filter(([key, text]) => {
      const other = texts[key as keyof typeof en] ?? ''
      return !within(shown(text), taken(other)) || !within(taken(other), taken(text))
    })
    expect(wrong.map(([key]) => key)).toEqual([])
  })

  test('puts no value into the forms of another', async () => {
    const wrong = Object.entries(await load()).filter(([, text]) => /\{[^}]*\{/.test(text))
    expect(wrong.map(([key]) => key)).toEqual([])
  })
})

test('no text is without use', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/i18n|schema\.d|\.test\./.test(file))
    .map((file) => readFileSync(join('src', file), 'utf8'))
    .join('\n')
  // Keys that are put together: the part before what is put in, `error_${code}`.
  const openings = [...files.matchAll(/`(\w+_)\$\{/g)].map((found) => found[1] ?? '')
  const words = new Set(files.match(/\w+/g))
  const unused = Object.keys(en).filter(
    (key) => !words.has(key) && !openings.some((opening) => key.startsWith(opening)),
  )
  expect(unused).toEqual([])
})

test('readers begin in their language, or in one near it', () => {
  expect(languageFor('zh')).toBe('zh-CN')
  expect(languageFor('EN-gb')).toBe('en')
  expect(languageFor('tlh')).toBe('en')
})

test('plurals follow the language', () => {
  const text = '{count} {count|one|few|many}'
  expect([1, 3, 5, 21].map((count) => fill(text, { count }, 'ru'))).toEqual([
    '1 one',
    '3 few',
    '5 many',
    '21 one',
  ])
  expect([1, 2].map((count) => fill('{count|call|calls}', { count }, 'en'))).toEqual(['call', 'calls'])
  expect(fill('{name} {other}', { name: '{other}' }, 'en')).toBe('{other} {other}')
})
