// A language nobody speaks: longer than English and with letters that give away any text that is not from a file of
// texts. The tests of the browser go through all pages with it.
import { en } from './en'
import type { Texts } from './languages'

const LETTERS: Record<string, string> = {
  a: 'á',
  e: 'ë',
  i: 'ï',
  o: 'ö',
  u: 'ü',
  A: 'Å',
  E: 'Ë',
  O: 'Ø',
  c: 'ç',
  n: 'ñ',
}

/** Four tenths longer, as German or Russian may be; what is between braces stays. */
function stretched(text: string): string {
  const more = Math.ceil(text.replace(/\{[^}]*\}/g, '').length * 0.4)
  const accented = text
    .split(/(\{[^}]*\})/)
    .map((part) =>
      part.startsWith('{') ? part : part.replace(/[aeiouAEOcn]/g, (letter) => LETTERS[letter] ?? letter),
    )
    .join('')
  return `[${accented}${' ëxtra'.repeat(Math.ceil(more / 6)).slice(0, Math.max(more, 1))}]`
}

export const pseudo = Object.fromEntries(
  Object.entries(en).map(([key, text]) => [key, stretched(text)]),
) as Texts
