// What somebody has, how fast it goes, and how to begin.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, data, whole } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { usd } from '../lib/money'
import { Failure } from '../ui/errors'
import { Notice } from '../ui/notice'
import { Card, CopyButton, Count, Money } from '../ui/show'

const DAYS = 30

/** The own calls of the last 30 days, by day. */
export function useOwnDays() {
  return useQuery({
    queryKey: ['stats', 'own-days'],
    queryFn: async () =>
      (await whole(api.GET('/api/stats', { params: { query: { step: 'day', self: 'true' } } }))).data,
  })
}

export function Home() {
  const { t, language } = useSpeech()
  const user = useMe()
  const days = useOwnDays()
  const channels = useQuery({
    queryKey: ['channels', 'any'],
    enabled: user.role >= ROLES.admin,
    queryFn: () => data(api.GET('/api/channel', { params: { query: { page_size: '1' } as never } })),
  })
  // Only asked where it may be so: before the first call of all, the setup is not over.
  const anyCall = useQuery({
    queryKey: ['logs', 'any'],
    enabled: user.role >= ROLES.root && days.data?.every((point) => point.calls === 0) === true,
    queryFn: () => data(api.GET('/api/log', { params: { query: { type: 2, page_size: 1 } } })),
  })
  const noChannel = channels.data?.length === 0
  const noCall = anyCall.data?.length === 0
  const calls = days.data?.reduce((sum, point) => sum + point.calls, 0) ?? 0
  const spent = days.data?.reduce((sum, point) => sum + Number(point.cost_usd), 0) ?? 0
  const pace = spent / DAYS
  const left = Number(user.balance_usd)
  const lasts = pace > 0 && left > 0 ? Math.floor(left / pace) : undefined
  const address = `${location.origin}/v1`
  const begin =
    'inline-flex min-h-8 max-md:min-h-11 items-center rounded-md bg-accent px-3 font-medium text-on-accent'
  return (
    <>
      <h1 className="text-xl font-semibold">{t('home')}</h1>
      <p>
        {t('home_says', { balance: usd(left, language), calls, spent: usd(spent, language) })}{' '}
        {lasts !== undefined && lasts < 3_650 ? `${t('lasts', { days: lasts })}.` : null}
      </p>
      {days.error ? <Failure error={days.error} retry={() => days.refetch()} /> : null}
      <Notice />
      {noChannel || noCall ? (
        <Card>
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p>{noChannel ? t('no_channel') : t('welcome_none_called')}</p>
            {user.role >= ROLES.root ? (
              <Link to="/welcome" search={{}} className={begin}>
                {t('welcome_link')}
              </Link>
            ) : (
              <Link to="/channels" search={{ new: '1' } as never} className={begin}>
                {t('add_channel')}
              </Link>
            )}
          </div>
        </Card>
      ) : null}
      <dl className="grid gap-4 sm:grid-cols-3">
        {[
          { name: t('balance'), value: <Money usd={left} /> },
          { name: t('spent_30'), value: <Money usd={spent} /> },
          { name: t('calls_30'), value: <Count of={calls} /> },
        ].map(({ name, value }) => (
          <div key={name} className="rounded-lg border border-line bg-card p-4">
            <dt className="text-soft">{name}</dt>
            <dd className="text-2xl font-semibold">{value}</dd>
          </div>
        ))}
      </dl>
      <Card title={t('address')}>
        <div className="flex flex-wrap items-center gap-3">
          <code className="rounded bg-raised px-2 py-1 font-mono break-all">{address}</code>
          <CopyButton text={address} />
          <Link to="/keys" search={{ new: '1' } as never} className={begin}>
            {t('make_key')}
          </Link>
        </div>
      </Card>
    </>
  )
}
