// The balance, and how money gets into it.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { api, data } from '../api/client'
import { useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { quotaUsd, usd } from '../lib/money'
import { Failure } from '../ui/errors'
import { Buy } from './billing/buy'
import { Movements } from './billing/movements'
import { Orders, Returned } from './billing/orders'
import { Voucher } from './billing/voucher'

interface Search {
  kind?: string
  seen?: string
  /** The order that somebody comes back from. */
  order?: string
  orders?: string
}

export function Billing() {
  const { t, language } = useSpeech()
  const user = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const offers = useQuery({ queryKey: ['offers'], queryFn: () => data(api.GET('/api/pay')) })
  const go = (change: { [name in keyof Search]?: string | undefined }) =>
    navigate({
      to: '/billing',
      search: ((before: Search) => ({ ...before, ...change })) as never,
      replace: true,
      resetScroll: false,
    })
  return (
    <>
      <h1 className="text-xl font-semibold">{t('billing')}</h1>
      <p>
        {t('billing_balance_says', {
          balance: usd(user.balance_usd, language),
          used: usd(quotaUsd(user.used_quota), language),
        })}
      </p>
      {search.order ? <Returned id={search.order} /> : null}
      <dl className="rounded-lg border border-line bg-card p-4 sm:max-w-xs">
        <dt className="text-soft">{t('billing_balance')}</dt>
        <dd className="text-2xl font-semibold tabular-nums" title={`$${user.balance_usd}`}>
          {usd(user.balance_usd, language)}
        </dd>
      </dl>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Voucher />
        {offers.data ? <Buy offers={offers.data} /> : null}
        {offers.error ? <Failure error={offers.error} retry={() => offers.refetch()} /> : null}
      </div>
      {offers.data && offers.data.providers.length > 0 ? (
        <Orders page={Number(search.orders ?? 0) || 0} go={(page) => go({ orders: String(page) })} />
      ) : null}
      <Movements kind={search.kind} seen={search.seen} go={go} />
    </>
  )
}
