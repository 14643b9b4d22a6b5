// Marking a span of slots on a chart, to look at it closer: by mouse, by finger, by keyboard.
import { type KeyboardEvent, type PointerEvent, useEffect, useState } from 'react'
import { useSpeech } from '../i18n'
import { along, type Marked, sorted } from '../lib/marked'

/** Pixels: less is a press that trembled. */
const MOVED = 8

interface Plot {
  /** Of slots. */
  count: number
  /** The slot at a place: pixels from the left edge of a drawing that is so wide. */
  slotAt: (x: number, width: number) => number
  done: (first: number, last: number) => void
}

export function useZoom({ count, slotAt, done }: Plot) {
  const [marked, setMarked] = useState<Marked | null>(null)
  const [pressed, setPressed] = useState<{ x: number; slot: number } | null>(null)
  const forget = () => {
    setPressed(null)
    setMarked(null)
  }
  // Who drags has the focus anywhere.
  useEffect(() => {
    if (!pressed) return
    const press = ({ key }: globalThis.KeyboardEvent) => {
      if (key !== 'Escape') return
      setPressed(null)
      setMarked(null)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [pressed])
  const apply = () => {
    if (marked) done(...sorted(marked))
    forget()
  }
  const placed = (event: PointerEvent<SVGSVGElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const slot = slotAt(event.clientX - left, width)
    return { x: event.clientX, slot: Math.min(Math.max(slot, 0), count - 1) }
  }
  return {
    drawn: marked ? sorted(marked) : null,
    count,
    head: marked?.[1],
    /** Of the drawing; a finger that goes up or down scrolls the page, and the browser tells so by `pointercancel`. */
    pointer: {
      onPointerDown: (event: PointerEvent<SVGSVGElement>) => {
        if (event.button !== 0 || !event.isPrimary) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setMarked(null)
        setPressed(placed(event))
      },
      onPointerMove: (event: PointerEvent<SVGSVGElement>) => {
        if (!pressed) return
        const { x, slot } = placed(event)
        if (marked || Math.abs(x - pressed.x) >= MOVED) setMarked([pressed.slot, slot])
      },
      onPointerUp: () => pressed && apply(),
      onPointerCancel: forget,
    },
    keys: {
      onKeyDown: (event: KeyboardEvent) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return
        const next = along(marked, event.key, event.shiftKey, count)
        if (next) setMarked(next)
        else if (marked && event.key === 'Enter') apply()
        else if (marked && event.key === 'Escape') forget()
        else return
        event.preventDefault()
      },
      onBlur: () => !pressed && setMarked(null),
    },
  }
}

interface Keys {
  zoom: ReturnType<typeof useZoom>
  /** What the chart shows. */
  name: string
  /** The slots from one to another, in words. */
  says: (first: number, last: number) => string
  /** The id of what explains the keys. */
  hint: string
}

/** Lies over a chart for the keyboard alone: pointers go through it. Its value is what is marked, so that it is read out. */
export function ZoomKeys({ zoom, name, says, hint }: Keys) {
  const { t } = useSpeech()
  const { count, drawn, head, keys } = zoom
  const last = Math.max(count - 1, 0)
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={t('zoom_plot', { name })}
      aria-describedby={hint}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={head ?? last}
      aria-valuetext={drawn ? t('zoom_marked', { span: says(...drawn) }) : says(0, last)}
      className="pointer-events-none absolute inset-0 rounded"
      {...keys}
    />
  )
}
