// Orders with payment providers, and the one that somebody has just come back from.
import { useQuery } from '@tanstack/react-query'
import { Receipt } from 'lucide-react'
import { useEffect } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { Failure } from '../../ui/errors'
import { Empty, Money, State, Time } from '../../ui/show'
import { type Column, Pages, Table } from '../../ui/table'
import { useMoneyArrived } from './voucher'

type Order = Schemas['OrderView']
const PAGE = 20
const STATES = {
  0: { mood: 'warn', name: 'billing_order_0' },
  1: { mood: 'good', name: 'billing_order_1' },
  2: { mood: 'none', name: 'billing_order_2' },
} as const
const stateOf = (order: Order) => STATES[order.status as keyof typeof STATES] ?? STATES[2]

export function Returned({ id }: { id: string }) {
  const { t, language } = useSpeech()
  const arrived = useMoneyArrived()
  const order = useQuery({
    queryKey: ['order', id],
    queryFn: () => data(api.GET('/api/pay/order/{id}', { params: { path: { id } } })),
    refetchInterval: (query) => (query.state.data?.status === 0 ? 3_000 : false),
  })
  const paid = order.data?.status === 1
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it is paid.
  useEffect(() => {
    if (paid) arrived()
  }, [paid])
  if (order.error) return <Failure error={order.error} retry={() => order.refetch()} />
  if (!order.data) return null
  const says = {
    0: t('billing_order_wait', { id }),
    1: t('billing_order_paid', { amount: usd(order.data.amount_usd, language) }),
  }[order.data.status]
  return (
    <p role="status" className={paid ? 'text-good' : ''}>
      {says ?? t('billing_order_back', { id, state: t(stateOf(order.data).name) })}
    </p>
  )
}

export function Orders({ page, go }: { page: number; go: (page: number) => void }) {
  const { t } = useSpeech()
  const orders = useQuery({
    queryKey: ['orders', page],
    queryFn: () =>
      whole(
        api.GET('/api/pay/order', {
          params: { query: { p: String(page), page_size: String(PAGE) } as never },
        }),
      ),
    placeholderData: (before) => before,
  })
  const rows = orders.data?.data
  const columns: Column<Order>[] = [
    { key: 'id', head: t('billing_order'), show: (order) => <code className="text-xs">{order.id}</code> },
    { key: 'time', head: t('billing_time'), show: (order) => <Time at={order.created_time} /> },
    {
      key: 'amount',
      head: t('billing_amount'),
      right: true,
      show: (order) => <Money usd={order.amount_usd} />,
    },
    {
      key: 'price',
      head: t('billing_price'),
      right: true,
      show: (order) => `${order.price} ${order.currency.toUpperCase()}`,
    },
    {
      key: 'state',
      head: t('status'),
      show: (order) => <State mood={stateOf(order).mood}>{t(stateOf(order).name)}</State>,
    },
    { key: 'paid', head: t('billing_paid_at'), wide: true, show: (order) => <Time at={order.paid_time} /> },
  ]
  return (
    <section className="flex flex-col gap-2">
      <h2 className="font-semibold">{t('billing_orders')}</h2>
      <Table
        caption={t('billing_orders')}
        columns={columns}
        rows={rows}
        id={(order) => order.id}
        error={rows ? undefined : orders.error}
        retry={() => orders.refetch()}
        empty={<Empty icon={<Receipt className="size-6" aria-hidden />} title={t('billing_orders_empty')} />}
      />
      <Pages page={page} more={rows?.length === PAGE} go={go} />
    </section>
  )
}
