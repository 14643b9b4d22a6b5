// Calls over time as bars, and the same as a table for those who don't see bars.
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import type { Slot } from './figures'

const HEIGHT = 80
const WIDTH = 24

export function Bars({ slots }: { slots: Slot[] }) {
  const { t, language } = useSpeech()
  const most = Math.max(1, ...slots.map((slot) => slot.calls))
  const clock = (time: number) =>
    new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' }).format(time * 1000)
  const first = slots[0]
  return (
    <figure className="flex flex-col gap-1">
      <svg
        viewBox={`0 0 ${slots.length * WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-24 w-full"
        aria-hidden
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
              <rect x={at * WIDTH + 2} y={HEIGHT - bad} width={WIDTH - 4} height={bad} className="fill-bad" />
            </g>
          )
        })}
      </svg>
      <figcaption className="flex justify-between gap-3 text-center text-xs text-soft">
        <span>{first ? clock(first.time) : ''}</span>
        <span>{t('overview_bars')}</span>
        <span>{t('overview_now')}</span>
      </figcaption>
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
