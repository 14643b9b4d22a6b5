// Which language is spoken now. English of the pages outside is there at once; all else is loaded when it is needed.
import { type Key, LANGUAGES, type Language, languageFor, OUTSIDE, type Translated } from './languages'

export interface Spoken {
  language: Language
  texts: Translated
}

let spoken: Spoken = { language: 'en', texts: OUTSIDE }
/** The language last asked for: an older answer that comes late changes nothing. */
let wanted: Language = 'en'
const listeners = new Set<() => void>()

export const current = () => spoken
export const known = (key: string): key is Key => key in spoken.texts

export function listen(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Speaks a language with all of its texts. Without the network the old one goes on. */
export async function speak(language: Language): Promise<void> {
  wanted = language
  const texts = await LANGUAGES[language].load()
  const english = language === 'en' ? texts : await LANGUAGES.en.load()
  if (wanted !== language) return
  document.documentElement.lang = language
  spoken = { language, texts: { ...english, ...texts } }
  for (const listener of listeners) listener()
}

/** Before the first paint: nothing is waited for where English is read, one file for all others. */
export async function begin(): Promise<void> {
  const language = languageFor(document.documentElement.lang)
  document.documentElement.lang = language
  if (language !== 'en') await speak(language).catch(() => {})
}

/** Pages inside need all texts. */
export async function ready(): Promise<void> {
  if (spoken.texts === OUTSIDE) await speak(wanted)
}
