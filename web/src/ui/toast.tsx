import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { Toast } from 'radix-ui'
import { createContext, type ReactNode, useCallback, useContext, useState } from 'react'
import { createPortal } from 'react-dom'
import { useSpeech } from '../i18n'
import { explained } from './errors'

interface Said {
  id: number
  text: string
  bad: boolean
  undo?: (() => void) | undefined
  about?: string | undefined
}

interface More {
  bad?: boolean
  undo?: () => void
  /** What it tells of: it takes the place of what was said of the same before. */
  about?: string
}

type Say = (text: string, more?: More) => void

const Context = createContext<Say>(() => {})

/** Takes a place for toasts, and gives it back. */
const Places = createContext<(place: HTMLElement | null) => (() => void) | undefined>(() => undefined)

/** Beside an open dialog nothing can be pressed, focused or read out: toasts stand within it meanwhile. */
export function ToastPlace() {
  return <div ref={useContext(Places)} />
}

/** Says what happened, in a corner, for a while. */
export const useSay = () => useContext(Context)

/** For `onError` of what was asked: says why it was refused. */
export function useFailed() {
  const say = useSay()
  const { t } = useSpeech()
  return useCallback((error: unknown) => say(explained(error, t), { bad: true }), [say, t])
}

export function Toasts({ children }: { children: ReactNode }) {
  const { t } = useSpeech()
  const [all, setAll] = useState<Said[]>([])
  const say = useCallback<Say>((text, more) => {
    setAll((before) => [
      ...before.filter(({ about }) => !about || about !== more?.about).slice(-3),
      { id: Date.now() + Math.random(), text, ...more, bad: more?.bad ?? false },
    ])
  }, [])
  const [places, setPlaces] = useState<HTMLElement[]>([])
  const place = useCallback((taken: HTMLElement | null) => {
    if (!taken) return
    setPlaces((before) => [...before, taken])
    return () => setPlaces((before) => before.filter((one) => one !== taken))
  }, [])
  const last = places.at(-1)
  const viewport = (
    <Toast.Viewport className="fixed right-4 bottom-4 z-60 flex w-96 max-w-[calc(100%-2rem)] flex-col gap-2 max-md:bottom-20" />
  )
  const drop = (id: number) => setAll((before) => before.filter((said) => said.id !== id))
  return (
    <Toast.Provider duration={10_000} label={t('notice')}>
      <Context.Provider value={say}>
        <Places.Provider value={place}>{children}</Places.Provider>
      </Context.Provider>
      {all.map((said) => (
        <Toast.Root
          key={said.id}
          type={said.bad ? 'foreground' : 'background'}
          onOpenChange={(open) => !open && drop(said.id)}
          className="flex items-center gap-3 rounded-md border border-line bg-card px-3 py-2 shadow-lg"
        >
          {said.bad ? (
            <CircleAlert className="size-4 shrink-0 text-bad" aria-hidden />
          ) : (
            <CircleCheck className="size-4 shrink-0 text-good" aria-hidden />
          )}
          <Toast.Description className="break-words">{said.text}</Toast.Description>
          {said.undo ? (
            <Toast.Action
              altText={t('undo')}
              onClick={said.undo}
              className="min-h-6 rounded px-2 py-1 font-medium text-accent"
            >
              {t('undo')}
            </Toast.Action>
          ) : null}
          <Toast.Close
            aria-label={t('close')}
            className="inline-flex size-6 items-center justify-center rounded text-soft"
          >
            <X className="size-4" aria-hidden />
          </Toast.Close>
        </Toast.Root>
      ))}
      {last ? createPortal(viewport, last) : viewport}
    </Toast.Provider>
  )
}
