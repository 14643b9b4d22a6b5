// What an administrator has to know first: what fails, what it costs, what can be done about it.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { CircleCheck, TriangleAlert } from 'lucide-react'
import { type ReactNode, useMemo } from 'react'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import { Card, Count, Money } from '../ui/show'
import { usePause, useTypeName } from './channels/queries'
import { ChannelState, fails, Note } from './channels/state'
import { Bars } from './overview/chart'
import { everyChannel, HOURS, minutes, slots, unpriced, unserved } from './overview/figures'

const SHOWN = 20

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="text-lg font-semibold">{children}</dd>
    </div>
  )
}

/** The first sentence: whether all is well. */
function Truth({
  failing,
  total,
  part,
  none,
}: {
  failing: number
  total: number | string
  part: number
  none: string[]
}) {
  const { t } = useSpeech()
  const bad = failing > 0 || none.length > 0
  const Picture = bad ? TriangleAlert : CircleCheck
  return (
    <p role="status" className="flex items-start gap-2 text-base">
      <Picture className={`mt-0.5 size-5 shrink-0 ${bad ? 'text-bad' : 'text-good'}`} aria-hidden />
      <span>
        {part === 0
          ? t('overview_no_channel')
          : failing
            ? t('overview_failing', { failing, total })
            : t('overview_fine', { total })}{' '}
        {none.length === 1 ? t('overview_unserved_one', { model: none[0] ?? '' }) : null}
        {none.length > 1
          ? t('overview_unserved', { models: none.slice(0, 3).join(', '), count: none.length })
          : null}{' '}
        {typeof total === 'number' && total <= part ? null : (
          <span className="text-soft">{t('overview_part', { part })}</span>
        )}
      </span>
    </p>
  )
}

export function Overview() {
  const { t } = useSpeech()
  const typeName = useTypeName()
  const pause = usePause()
  const channels = useQuery(everyChannel)
  const stats = useQuery(minutes)
  const prices = useQuery(unpriced)
  const rows = channels.data?.rows
  const failing = useMemo(() => rows?.filter(fails) ?? [], [rows])
  // A channel that was not looked at may serve what the others don't.
  const looked = rows !== undefined && rows.length === channels.data?.total
  const none = useMemo(() => (looked ? unserved(rows ?? []) : []), [rows, looked])
  const bars = slots(stats.data?.data ?? [], Date.now() / 1000)
  const sum = (key: 'calls' | 'failed' | 'cost') => bars.reduce((all, slot) => all + slot[key], 0)
  const missing = prices.data?.unpriced ?? []
  return (
    <>
      <h1 className="text-xl font-semibold">{t('overview')}</h1>
      {channels.error ? <Failure error={channels.error} retry={() => channels.refetch()} /> : null}
      {channels.data ? (
        <Truth
          failing={failing.length}
          total={channels.data.total}
          part={channels.data.rows.length}
          none={none}
        />
      ) : null}
      {failing.length ? (
        <Card title={t('overview_failing_channels')}>
          <ul className="flex flex-col divide-y divide-line">
            {failing.slice(0, SHOWN).map((channel) => (
              <li key={channel.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2">
                <Link
                  to="/channels"
                  search={{ id: String(channel.id) }}
                  className="font-medium underline decoration-line underline-offset-4"
                >
                  {channel.name || `#${channel.id}`}
                </Link>
                <span className="text-soft">{typeName(channel.type)}</span>
                <ChannelState channel={channel} />
                <span className="flex-1" />
                {channel.owner === 'file' ? (
                  <span className="text-xs text-soft">{t('from_file')}</span>
                ) : (
                  <Button
                    aria-label={`${t('channel_pause')} ${channel.name}`}
                    onClick={() => pause.mutate({ channel, status: 2 })}
                  >
                    {t('channel_pause')}
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {failing.length > SHOWN ? (
            <p className="pt-2 text-soft">{t('overview_more', { count: failing.length - SHOWN })}</p>
          ) : null}
        </Card>
      ) : null}
      <Card title={t('overview_traffic', { hours: HOURS })}>
        {stats.error ? (
          <Failure error={stats.error} retry={() => stats.refetch()} />
        ) : (
          <div className="flex flex-col gap-4">
            <dl className="grid grid-cols-3 gap-4">
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
            <Bars slots={bars} />
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
            {missing.slice(0, SHOWN).join(', ')}
            {missing.length > SHOWN ? ' …' : ''}
          </p>
        </Card>
      ) : null}
    </>
  )
}
