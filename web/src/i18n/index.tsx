// Texts by typed keys. English is in the shell, other languages are loaded when they are chosen.
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { en } from './en'

export type Key = keyof typeof en
export type Texts = Record<Key, string>
type Values = Record<string, string | number>

export const LANGUAGES = {
  en: { name: 'English', load: async (): Promise<Texts> => en },
  'zh-CN': { name: '简体中文', load: async (): Promise<Texts> => (await import('./zh-CN')).zhCN },
} as const
export type Language = keyof typeof LANGUAGES

export interface Speech {
  language: Language
  t: (key: Key, values?: Values) => string
  choose: (language: Language) => void
}

/** Fills `{name}`; `{count|one|more}` chooses by the language's plural of `count`. */
export function fill(text: string, values: Values, language: string): string {
  return text.replace(
    /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g,
    (whole, name: string, one?: string, more?: string) => {
      const value = values[name]
      if (value === undefined) return whole
      if (one === undefined)
        return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value
      return new Intl.PluralRules(language).select(Number(value)) === 'one' ? one : (more ?? '')
    },
  )
}

function first(): Language {
  const wanted = document.documentElement.lang
  if (wanted in LANGUAGES) return wanted as Language
  return wanted.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

const Context = createContext<Speech | null>(null)

export function Speaking({ children }: { children: ReactNode }) {
  const [language, choose] = useState<Language>(first)
  const [spoken, setSpoken] = useState<{ language: Language; texts: Texts }>({ language: 'en', texts: en })
  useEffect(() => {
    let current = true
    LANGUAGES[language].load().then((texts) => {
      if (!current) return
      document.documentElement.lang = language
      setSpoken({ language, texts })
    })
    return () => {
      current = false
    }
  }, [language])
  const speech = useMemo<Speech>(
    () => ({
      language: spoken.language,
      t: (key, values = {}) => fill(spoken.texts[key], values, spoken.language),
      choose: (next) => {
        try {
          localStorage.setItem('magic.language', next)
        } catch {
          // Without storage the choice lasts as long as the page.
        }
        choose(next)
      },
    }),
    [spoken],
  )
  return <Context.Provider value={speech}>{children}</Context.Provider>
}

export function useSpeech(): Speech {
  const speech = useContext(Context)
  if (!speech) throw new Error('no language')
  return speech
}
