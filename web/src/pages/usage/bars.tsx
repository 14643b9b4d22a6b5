// Bars in stacks, one for each slot of time, and the same as a table.
import { useEffect, useRef, useState } from 'react'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Card } from '../../ui/show'
import { useParts } from '../../ui/table'
import { useZoom, ZoomKeys } from '../../ui/zoom'
import { STEPS, type Step } from './range'

// Told apart with every kind of colour vision, and seen on light and dark; the order is that of the legend.
const HUES = ['#0077b6', '#e08e0b', '#12936f', '#c25a9a', '#4fb0e5', '#c8501e', '#8a75c9', '#8a8f98']
export const SHOWN = HUES.length

export interface Series {
  key: string
  name: string
  values: number[]
}

interface Props {
  title: string
  by: string
  slots: number[]
  step: Step
  series: Series[]
  show: (value: number) => string
  /** The slots from one time to another, which is not in it, are to be looked at. */
  zoom: (from: number, to: number) => void
  /** The id of what explains how a chart is looked at closer. */
  hint: string
}

const HEIGHT = 220
const LEFT = 72
const BOTTOM = 24

/** A round number that is no less. */
function ceiling(value: number) {
  if (value <= 0) return 1
  const size = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 2.5, 5, 10].find((step) => step * size >= value) ?? 10) * size
}

function useSlotName(step: Step) {
  const { language } = useSpeech()
  const format = new Intl.DateTimeFormat(language, {
    timeZone: 'UTC',
    ...(step === 'day'
      ? { month: 'short', day: 'numeric' }
      : { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }),
  })
  return (at: number) => format.format(at * 1000)
}

/** How wide there is room to draw. */
function useRoom() {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(960)
  useEffect(() => {
    if (!place.current) return
    const watch = new ResizeObserver(([seen]) => seen && setWidth(Math.max(seen.contentRect.width, 240)))
    watch.observe(place.current)
    return () => watch.disconnect()
  }, [])
  return { place, width }
}

function Picture({ title, slots, series, show, step, says, zoom, hint }: Props & { says: string }) {
  const named = useSlotName(step)
  const { place, width } = useRoom()
  const sums = slots.map((_, at) => series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0))
  const top = ceiling(Math.max(...sums, 0))
  const wide = (width - LEFT) / Math.max(slots.length, 1)
  const y = (value: number) => (HEIGHT - BOTTOM) * (1 - value / top) + 6
  const marking = useZoom({
    count: slots.length,
    slotAt: (x) => Math.floor((x - LEFT) / wide),
    done: (first, last) => zoom(slots[first] ?? 0, (slots[last] ?? 0) + STEPS[step]),
  })
  const { drawn } = marking
  const spanned = (first: number, last: number) => {
    const sum = sums.slice(first, last + 1).reduce((all, one) => all + one, 0)
    const names = [...new Set([first, last])].map((at) => named(slots[at] ?? 0))
    return `${names.join(' – ')}: ${show(sum)}`
  }
  const every = Math.ceil((slots.length * (step === 'day' ? 70 : 140)) / (width - LEFT))
  return (
    <div ref={place} className="relative">
      <svg
        width={width}
        height={HEIGHT + 6}
        className="block cursor-crosshair touch-pan-y select-none"
        role="img"
        aria-label={says}
        {...marking.pointer}
      >
        {[0, top / 2, top].map((value) => (
          <g key={value}>
            <line x1={LEFT} x2={width} y1={y(value)} y2={y(value)} className="stroke-line" />
            <text x={LEFT - 8} y={y(value) + 4} textAnchor="end" className="fill-soft text-xs">
              {show(value)}
            </text>
          </g>
        ))}
        {slots.map((slot, at) => {
          let floor = 0
          return (
            <g key={slot}>
              {series.map((one, hue) => {
                const value = one.values[at] ?? 0
                const from = floor
                floor += value
                if (value <= 0) return null
                return (
                  <rect
                    key={one.key}
                    x={LEFT + at * wide + wide * 0.12}
                    width={Math.min(wide * 0.76, 64)}
                    y={y(floor)}
                    height={Math.max(y(from) - y(floor), 0.5)}
                    fill={HUES[hue % SHOWN]}
                  >
                    <title>{`${named(slot)} · ${one.name}: ${show(value)}`}</title>
                  </rect>
                )
              })}
              {at % every === 0 && LEFT + at * wide < width - (step === 'day' ? 50 : 120) ? (
                <text x={LEFT + at * wide + wide * 0.12} y={HEIGHT + 2} className="fill-soft text-xs">
                  {named(slot)}
                </text>
              ) : null}
            </g>
          )
        })}
        {drawn ? (
          <rect
            x={LEFT + drawn[0] * wide}
            width={(drawn[1] - drawn[0] + 1) * wide}
            y={0}
            height={HEIGHT - BOTTOM + 6}
            className="fill-accent/20 stroke-accent"
            data-marked
          />
        ) : null}
      </svg>
      <ZoomKeys zoom={marking} name={title} says={spanned} hint={hint} />
    </div>
  )
}

function Twin({ title, slots, series, show, step }: Props) {
  const { t } = useSpeech()
  const named = useSlotName(step)
  const used = slots
    .map((slot, at) => ({ slot, at }))
    .filter(({ at }) => series.some((one) => (one.values[at] ?? 0) !== 0))
  const { shown, parts } = useParts(used)
  const cell = 'px-3 py-1.5 text-right whitespace-nowrap tabular-nums'
  return (
    <>
      <section className="max-h-96 overflow-auto" tabIndex={0} aria-label={title}>
        <table className="w-full border-collapse">
          <caption className="sr-only">{title}</caption>
          <thead className="text-xs text-soft">
            <tr>
              <th scope="col" className="px-3 py-1.5 text-left font-medium whitespace-nowrap">
                {t('usage_slot')}
              </th>
              {series.map((one) => (
                <th key={one.key} scope="col" className={`${cell} font-medium`}>
                  {one.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ slot, at }) => (
              <tr key={slot} className="border-t border-line">
                <th scope="row" className="px-3 py-1.5 text-left font-normal whitespace-nowrap">
                  {named(slot)}
                </th>
                {series.map((one) => (
                  <td key={one.key} className={cell}>
                    {show(one.values[at] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {parts}
    </>
  )
}

export function Bars(props: Props) {
  const { t } = useSpeech()
  const [table, setTable] = useState(false)
  const { title, by, slots, series, show } = props
  const most = Math.max(
    ...slots.map((_, at) => series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0)),
    0,
  )
  const says = t('usage_chart_says', { name: title, by, most: show(most) })
  return (
    <Card
      title={title}
      actions={
        <Button look="quiet" onClick={() => setTable(!table)}>
          {table ? t('usage_as_chart') : t('usage_as_table')}
        </Button>
      }
    >
      {table ? <Twin {...props} /> : <Picture {...props} says={says} />}
      {table ? null : (
        <ul className="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-xs">
          {series.map((one, hue) => (
            <li key={one.key} className="flex items-center gap-1.5">
              <svg viewBox="0 0 10 10" className="size-2.5" aria-hidden="true">
                <rect width="10" height="10" fill={HUES[hue % SHOWN]} />
              </svg>
              <span className="break-all">{one.name}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
