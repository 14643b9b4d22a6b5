// The languages there are, and how the texts of each are loaded.
import type { en } from './en'
import { outside } from './en/outside'

export type Key = keyof typeof en
export type Texts = Record<Key, string>
/** A language that is behind: what it lacks is said in English. A test names what is missing. */
export type Translated = Partial<Texts>

interface Loader {
  /** The language's name in the language itself; none where readers can't choose it. */
  name?: string
  load: () => Promise<Translated>
}

export const LANGUAGES = {
  en: { name: 'English', load: async () => (await import('./en')).en },
  'zh-CN': { name: '简体中文', load: async () => (await import('./zh-CN')).zhCN },
  'zh-TW': { name: '繁體中文', load: async () => (await import('./zh-TW')).zhTW },
  ja: { name: '日本語', load: async () => (await import('./ja')).ja },
  ko: { name: '한국어', load: async () => (await import('./ko')).ko },
  es: { name: 'Español', load: async () => (await import('./es')).es },
  fr: { name: 'Français', load: async () => (await import('./fr')).fr },
  de: { name: 'Deutsch', load: async () => (await import('./de')).de },
  'pt-BR': { name: 'Português (Brasil)', load: async () => (await import('./pt-BR')).ptBR },
  ru: { name: 'Русский', load: async () => (await import('./ru')).ru },
  'en-XA': { load: async () => (await import('./pseudo')).pseudo },
} as const satisfies Record<string, Loader>
export type Language = keyof typeof LANGUAGES

/** What readers choose from. */
export const CHOICES = Object.entries(LANGUAGES as Record<string, Loader>).flatMap(([code, { name }]) =>
  name ? [{ code: code as Language, name }] : [],
)

/** Texts of the pages before signing in: in the first script, so that these pages wait for nothing. */
export const OUTSIDE: Translated = outside

/** The language to begin with: the one asked for, else one that its readers read as well. */
export function languageFor(wanted: string): Language {
  const codes = Object.keys(LANGUAGES) as Language[]
  const tag = wanted.toLowerCase()
  const same = codes.find((code) => code.toLowerCase() === tag)
  if (same) return same
  if (/^zh-(hant|tw|hk|mo)/.test(tag) && 'zh-TW' in LANGUAGES) return 'zh-TW' as Language
  const base = tag.split('-')[0]
  return codes.find((code) => code.toLowerCase().split('-')[0] === base) ?? 'en'
}
