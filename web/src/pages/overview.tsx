// What an administrator has to know first: what fails, what it costs, what can be done about it.
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { CircleCheck, TriangleAlert, ZoomOut } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Schemas } from '../api/client'
import { type Key, useSpeech } from '../i18n'
import { spanned } from '../lib/time'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import { Card, Count, Money, State } from '../ui/show'
import { alerts } from './alerts'
import { usePause } from './channels/queries'
import { Note } from './channels/state'
import { Bars } from './overview/chart'
import { HOURS, lately, minutes, type Part, partOf, slots, stepOf } from './overview/figures'

const SHOWN = 20
const STATES: Record<string, Key> = {
  channel_disabled: 'channel_is_off',
  channel_resting: 'channel_is_resting',
  channel_test_failed: 'channel_is_untested',
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="text-lg font-semibold">{children}</dd>
    </div>
  )
}

/** The first sentence: whether all is well. */
function Truth({ told }: { told: Schemas['Alerts'] }) {
  const { t } = useSpeech()
  const none = told.alerts.filter((alert) => alert.kind === 'model_down').map((alert) => alert.name)
  const bad = told.failing > 0 || none.length > 0 || told.channels === 0
  const Picture = bad ? TriangleAlert : CircleCheck
  return (
    <p role="status" className="flex items-start gap-2 text-base">
      <Picture className={`mt-0.5 size-5 shrink-0 ${bad ? 'text-bad' : 'text-good'}`} aria-hidden />
      <span>
        {told.channels === 0
          ? t('overview_no_channel')
          : told.failing
            ? t('overview_failing', { failing: told.failing, total: told.channels })
            : t('overview_fine', { total: told.channels })}{' '}
        {none.length === 1 ? t('overview_unserved_one', { model: none[0] ?? '' }) : null}
        {none.length > 1
          ? t('overview_unserved', { models: none.slice(0, 3).join(', '), count: none.length })
          : null}
      </span>
    </p>
  )
}

export function Overview() {
  const { t, language } = useSpeech()
  const pause = usePause()
  const { data: told, error, refetch } = useQuery(alerts)
  const navigate = useNavigate()
  const part = partOf(useSearch({ strict: false }) as { from?: string; to?: string })
  const stats = useQuery(minutes(part))
  const step = stepOf(part)
  const bars = slots(stats.data?.data ?? [], part ?? lately(Date.now() / 1000), step)
  const look = (closer?: Part) =>
    navigate({
      to: '/overview',
      search: (closer ? { from: String(closer.from), to: String(closer.to) } : {}) as never,
      resetScroll: false,
    })
  const sum = (key: 'calls' | 'failed' | 'cost') => bars.reduce((all, slot) => all + slot[key], 0)
  const failing = told?.alerts.filter((alert) => alert.id > 0) ?? []
  const missing = told?.alerts.filter((alert) => alert.kind === 'model_unpriced') ?? []
  return (
    <>
      <h1 className="text-xl font-semibold">{t('overview')}</h1>
      {error ? <Failure error={error} retry={() => refetch()} /> : null}
      {told ? <Truth told={told} /> : null}
      {told && failing.length ? (
        <Card
          title={t('overview_failing_channels')}
          actions={
            <Link to="/alerts" className="text-accent underline">
              {t('overview_all_alerts')}
            </Link>
          }
        >
          <ul className="flex flex-col divide-y divide-line">
            {failing.slice(0, SHOWN).map((alert) => (
              <li key={alert.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2">
                <Link
                  to="/channels"
                  search={{ id: String(alert.id) } as never}
                  className="font-medium underline decoration-line underline-offset-4"
                >
                  {alert.name || `#${alert.id}`}
                </Link>
                <State mood={alert.kind === 'channel_test_failed' ? 'warn' : 'bad'}>
                  {t(STATES[alert.kind] ?? 'channel_is_off')}
                </State>
                <span className="min-w-0 flex-1 truncate text-xs text-soft" title={alert.detail}>
                  {alert.detail}
                </span>
                {alert.owned_by_file ? (
                  <span className="text-xs text-soft">{t('from_file')}</span>
                ) : (
                  <Button
                    aria-label={`${t('channel_pause')} ${alert.name}`}
                    onClick={() =>
                      pause.mutate({
                        id: alert.id,
                        name: alert.name,
                        status: 2,
                        before: alert.kind === 'channel_disabled' ? 3 : 1,
                      })
                    }
                  >
                    {t('channel_pause')}
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {told.failing > Math.min(failing.length, SHOWN) ? (
            <p className="pt-2 text-soft">
              {t('overview_more', { count: told.failing - Math.min(failing.length, SHOWN) })}
            </p>
          ) : null}
        </Card>
      ) : null}
      <Card
        title={part ? spanned(part, language) : t('overview_traffic', { hours: HOURS })}
        actions={
          part ? (
            <Button icon={<ZoomOut className="size-4" aria-hidden />} onClick={() => look()}>
              {t('zoom_reset')}
            </Button>
          ) : undefined
        }
      >
        {stats.error ? (
          <Failure error={stats.error} retry={() => stats.refetch()} />
        ) : (
          <div className="flex flex-col gap-4">
            <dl className="grid grid-cols-[repeat(3,auto)] gap-4">
              <Figure name={t('overview_calls')}>
                <Count of={sum('calls')} />
              </Figure>
              <Figure name={t('overview_failed')}>
                <span className={sum('failed') ? 'text-bad' : ''}>
                  <Count of={sum('failed')} />
                </span>
              </Figure>
              <Figure name={t('overview_cost')}>
                <Money usd={Number(sum('cost').toFixed(9))} />
              </Figure>
            </dl>
            <Bars slots={bars} step={step} lately={!part} zoom={look} />
            {stats.data?.whole === false ? <p className="text-soft">{t('overview_not_whole')}</p> : null}
          </div>
        )}
      </Card>
      {missing.length ? (
        <Card
          title={t('overview_unpriced')}
          actions={
            <Link to="/prices" search={{}} className="text-accent underline">
              {t('channel_set_prices')}
            </Link>
          }
        >
          <Note mood="warn">{t('channel_unpriced', { count: missing.length })}</Note>
          <p className="mt-2 font-mono text-xs break-words">
            {missing
              .slice(0, SHOWN)
              .map((alert) => alert.name)
              .join(', ')}
            {missing.length > SHOWN ? ' …' : ''}
          </p>
        </Card>
      ) : null}
    </>
  )
}
