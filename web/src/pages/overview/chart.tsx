// Calls over time as bars, and the same as a table for those who don't see bars.
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { useZoom, ZoomKeys } from '../../ui/zoom'
import type { Part, Slot } from './figures'

const HEIGHT = 80
const WIDTH = 24

interface Props {
  slots: Slot[]
  /** Seconds of a slot. */
  step: number
  /** They end now. */
  lately: boolean
  zoom: (part: Part) => void
}

export function Bars({ slots, step, lately, zoom }: Props) {
  const { t, language } = useSpeech()
  const marking = useZoom({
    count: slots.length,
    slotAt: (x, width) => Math.floor((x / width) * slots.length),
    done: (first, last) => zoom({ from: slots[first]?.time ?? 0, to: (slots[last]?.time ?? 0) + step }),
  })
  const { drawn } = marking
  const most = Math.max(1, ...slots.map((slot) => slot.calls))
  const clock = (time: number) =>
    new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' }).format(time * 1000)
  const first = slots[0]
  const end = (slots.at(-1)?.time ?? 0) + step
  const says = (from: number, to: number) => {
    const calls = slots.slice(from, to + 1).reduce((sum, slot) => sum + slot.calls, 0)
    const until = (slots[to]?.time ?? 0) + step
    return `${clock(slots[from]?.time ?? 0)} – ${clock(until)}, ${t('overview_calls')}: ${calls}`
  }
  return (
    <figure className="flex flex-col gap-1">
      <div className="relative">
        <svg
          viewBox={`0 0 ${slots.length * WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className="h-24 w-full cursor-crosshair touch-pan-y select-none"
          aria-hidden
          {...marking.pointer}
        >
          {slots.map((slot, at) => {
            const high = (slot.calls / most) * (HEIGHT - 2)
            const bad = (slot.failed / most) * (HEIGHT - 2)
            return (
              <g key={slot.time}>
                <title>{`${clock(slot.time)}: ${slot.calls}`}</title>
                <rect
                  x={at * WIDTH + 2}
                  y={HEIGHT - Math.max(high, 1)}
                  width={WIDTH - 4}
                  height={Math.max(high, 1)}
                  className={slot.calls ? 'fill-accent' : 'fill-line'}
                />
                <rect
                  x={at * WIDTH + 2}
                  y={HEIGHT - bad}
                  width={WIDTH - 4}
                  height={bad}
                  className="fill-bad"
                />
              </g>
            )
          })}
          {drawn ? (
            <rect
              x={drawn[0] * WIDTH}
              width={(drawn[1] - drawn[0] + 1) * WIDTH}
              height={HEIGHT}
              className="fill-accent/20"
              data-marked
            />
          ) : null}
        </svg>
        <ZoomKeys zoom={marking} name={t('overview_calls')} says={says} hint="zoom-hint" />
      </div>
      <figcaption className="flex justify-between gap-3 text-center text-xs text-soft">
        <span>{first ? clock(first.time) : ''}</span>
        <span>{t('overview_bars', { minutes: step / 60 })}</span>
        <span>{lately ? t('overview_now') : clock(end)}</span>
      </figcaption>
      <p id="zoom-hint" className="text-xs text-soft">
        {t('zoom_hint')}
      </p>
      <details>
        <summary className="min-h-6 text-xs text-soft">{t('overview_as_table')}</summary>
        <table className="mt-1 w-full text-left text-xs">
          <thead>
            <tr>
              <th scope="col">{t('overview_time')}</th>
              <th scope="col" className="text-right">
                {t('overview_calls')}
              </th>
              <th scope="col" className="text-right">
                {t('overview_failed')}
              </th>
              <th scope="col" className="text-right">
                {t('overview_cost')}
              </th>
            </tr>
          </thead>
          <tbody className="tabular-nums">
            {slots.map((slot) => (
              <tr key={slot.time} className="border-t border-line">
                <td>{clock(slot.time)}</td>
                <td className="text-right">{slot.calls}</td>
                <td className="text-right">{slot.failed}</td>
                <td className="text-right">{usd(slot.cost, language)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  )
}
