// Texts by typed keys.
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react'
import { fill } from './fill'
import type { Key, Language } from './languages'
import { current, listen, speak } from './store'

export { CHOICES, type Key, type Language } from './languages'
export { known } from './store'

export interface Speech {
  language: Language
  t: (key: Key, values?: Record<string, string | number>) => string
  choose: (language: Language) => void
}

const Context = createContext<Speech | null>(null)

function choose(language: Language) {
  try {
    localStorage.setItem('magic.language', language)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  void speak(language)
}

export function Speaking({ children }: { children: ReactNode }) {
  const { language, texts } = useSyncExternalStore(listen, current)
  const speech = useMemo<Speech>(
    () => ({ language, t: (key, values = {}) => fill(texts[key] ?? key, values, language), choose }),
    [language, texts],
  )
  return <Context.Provider value={speech}>{children}</Context.Provider>
}

export function useSpeech(): Speech {
  const speech = useContext(Context)
  if (!speech) throw new Error('no language')
  return speech
}
