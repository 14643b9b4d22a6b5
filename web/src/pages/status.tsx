// How each model has fared in the last 24 hours, for everybody.
import { useQuery } from '@tanstack/react-query'
import { Activity } from 'lucide-react'
import { useState } from 'react'
import { closed, type Health, health, type Uptime } from '../api/visitors'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import { Card, Empty, State } from '../ui/show'
import { WIDE } from './visitors/shell'
import { useHealthSays } from './visitors/words'

const HOURS = 24
/** What concerns people comes first. */
const STATES = ['down', 'degraded', 'up', 'idle'] as const
const MOODS = { up: 'good', degraded: 'warn', down: 'bad', idle: 'none' } as const

const rank = ({ state }: Uptime) => (STATES as readonly string[]).indexOf(state)

/** `failed_percent` is missing where nobody called. */
type Hour = { time: number; failed_percent?: number }

/** One for every hour, also where nobody called. */
function hoursOf({ hours }: Uptime, { from, step }: Health): Hour[] {
  const known = new Map(hours.map((hour) => [hour.time, hour]))
  return Array.from({ length: HOURS }, (_, at) => {
    const time = from + at * step
    return known.get(time) ?? { time }
  })
}

function useShare() {
  const { language } = useSpeech()
  const format = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  return (percent: number) => format.format(percent / 100)
}

function useHourName() {
  const { language } = useSpeech()
  const format = new Intl.DateTimeFormat(language, { weekday: 'short', hour: '2-digit', minute: '2-digit' })
  return ({ time }: Hour) => format.format(time * 1000)
}

const WIDTH = 10
const HEIGHT = 28
/** Told apart by height as well as by colour. */
function bar({ failed_percent: failed }: Hour) {
  if (failed === undefined) return { height: 3, look: 'fill-soft' }
  if (failed === 0) return { height: HEIGHT, look: 'fill-good' }
  return failed < 50 ? { height: HEIGHT / 2, look: 'fill-warn' } : { height: 8, look: 'fill-bad' }
}

function Strip({ hours }: { hours: Hour[] }) {
  const { t } = useSpeech()
  const named = useHourName()
  const share = useShare()
  const good = hours.filter((hour) => hour.failed_percent === 0).length
  const none = hours.filter((hour) => hour.failed_percent === undefined).length
  return (
    <svg
      viewBox={`0 0 ${HOURS * WIDTH} ${HEIGHT}`}
      className="h-7 w-60 max-w-full shrink-0"
      role="img"
      aria-label={t('uptime_strip', { good, none, bad: HOURS - good - none })}
    >
      {hours.map((hour, at) => {
        const { height, look } = bar(hour)
        const says =
          hour.failed_percent === undefined
            ? t('uptime_idle')
            : t('uptime_failed', { share: share(hour.failed_percent) })
        return (
          <rect
            key={hour.time}
            x={at * WIDTH}
            y={HEIGHT - height}
            width={WIDTH - 3}
            height={height}
            rx={1}
            className={look}
          >
            <title>{`${named(hour)}: ${says}`}</title>
          </rect>
        )
      })}
    </svg>
  )
}

function StateOf({ model }: { model: Uptime }) {
  const { t } = useSpeech()
  const state = STATES.find((one) => one === model.state) ?? 'idle'
  return <State mood={MOODS[state]}>{t(`uptime_${state}`)}</State>
}

function Bars({ told, models }: { told: Health; models: Uptime[] }) {
  const { t } = useSpeech()
  return (
    <>
      <p className="mb-3 text-soft">{t('uptime_last')}</p>
      <ul className="flex flex-col divide-y divide-line">
        {models.map((one) => (
          <li key={one.model} className="skip-offscreen flex flex-wrap items-center gap-x-4 gap-y-1 py-2">
            <span className="min-w-0 flex-1 basis-52 font-mono text-xs break-all">{one.model}</span>
            <span className="w-28">
              <StateOf model={one} />
            </span>
            <Strip hours={hoursOf(one, told)} />
          </li>
        ))}
      </ul>
    </>
  )
}

function Twin({ told, models }: { told: Health; models: Uptime[] }) {
  const { t } = useSpeech()
  const named = useHourName()
  const share = useShare()
  // The newest first.
  const backwards = (one: Uptime) => hoursOf(one, told).reverse()
  const slots = backwards({ model: '', state: 'idle', hours: [] })
  const rows = models.map((one) => ({ ...one, all: backwards(one) }))
  return (
    <section className="max-h-[70dvh] overflow-auto" tabIndex={0} aria-label={t('uptime_table')}>
      <p className="pb-2 text-soft">{t('uptime_table')}</p>
      <table className="border-collapse">
        <caption className="sr-only">{t('uptime_table')}</caption>
        <thead className="text-xs text-soft">
          <tr>
            <th scope="col" className="px-3 py-1.5 text-start font-medium">
              {t('uptime_hour')}
            </th>
            {rows.map(({ model }) => (
              <th key={model} scope="col" className="px-3 py-1.5 text-end font-mono font-medium">
                {model}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {slots.map((slot, at) => (
            <tr key={slot.time} className="border-t border-line">
              <th scope="row" className="px-3 py-1.5 text-start font-normal whitespace-nowrap">
                {named(slot)}
              </th>
              {rows.map(({ model, all }) => {
                const failed = all[at]?.failed_percent
                return (
                  <td key={model} className="px-3 py-1.5 text-end whitespace-nowrap tabular-nums">
                    {failed === undefined ? '–' : share(failed)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

export function Status() {
  const { t } = useSpeech()
  const says = useHealthSays()
  const [table, setTable] = useState(false)
  const { data: told, error, refetch } = useQuery(health)
  const models = told && [...told.models].sort((a, b) => rank(a) - rank(b))
  return (
    <div className={WIDE}>
      <h1 className="text-xl font-semibold">{t('uptime_title')}</h1>
      {closed(error) ? (
        <p>{t('uptime_closed')}</p>
      ) : error && !told ? (
        <Failure error={error} retry={() => refetch()} />
      ) : told && models?.length ? (
        <>
          <p role="status">{says(models)}</p>
          <Card
            title={t('models')}
            actions={
              <Button look="quiet" onClick={() => setTable(!table)}>
                {table ? t('uptime_as_bars') : t('uptime_as_table')}
              </Button>
            }
          >
            {table ? <Twin told={told} models={models} /> : <Bars told={told} models={models} />}
          </Card>
        </>
      ) : told ? (
        <Empty icon={<Activity className="size-6" aria-hidden />} title={t('uptime_empty')} />
      ) : null}
    </div>
  )
}
