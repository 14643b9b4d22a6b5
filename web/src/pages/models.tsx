// The models on offer and what they cost: for visitors and for users, at the prices of their group.
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Boxes } from 'lucide-react'
import { type Catalogue, catalogue, closed, type Offer } from '../api/visitors'
import { useSpeech } from '../i18n'
import { short } from '../lib/money'
import { Input, Select } from '../ui/field'
import { CopyButton, Empty } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { BUCKETS, type Bucket, dollars, type Price } from './prices/rates'
import { WIDE } from './visitors/shell'

const PAGE = 50
const MAIN: Bucket[] = ['input', 'cache_read', 'output']
const OTHERS = BUCKETS.filter((bucket) => !MAIN.includes(bucket))
const ORDERS = ['name', 'input', 'output', 'dear'] as const
type Order = (typeof ORDERS)[number]

/** What the group pays: its ratio is in the prices that are shown. */
function paid(models: Offer[], ratio: number): Offer[] {
  if (ratio === 1) return models
  const rates = (all: Price['rates']) =>
    Object.fromEntries(Object.entries(all).map(([bucket, nano]) => [bucket, Math.round(nano * ratio)]))
  return models.map(({ price, ...offer }) => ({
    ...offer,
    price: price && {
      ...price,
      rates: rates(price.rates),
      ...(price.tiers ? { tiers: price.tiers.map((tier) => ({ ...tier, rates: rates(tier.rates) })) } : {}),
    },
  }))
}

const UNSET = Number.POSITIVE_INFINITY

/** Models without that price come last, whichever way round. */
function compare(order: Order, ratio: (offer: Offer) => number) {
  return (a: Offer, b: Offer) => {
    const by = order === 'name' ? 0 : ratio(a) - ratio(b)
    return (Number.isNaN(by) ? 0 : by) || a.model.localeCompare(b.model)
  }
}

function sorted(models: Offer[], order: Order) {
  const rate = (offer: Offer) => offer.price?.rates[order === 'output' ? 'output' : 'input']
  return [...models].sort(
    compare(order, (offer) => {
      const nano = rate(offer)
      return nano === undefined ? UNSET : order === 'dear' ? -nano : nano
    }),
  )
}

/** A price as dollars; what it is from a size of the input on stands below. */
function Rate({ offer, bucket }: { offer: Offer; bucket: Bucket }) {
  const { t, language } = useSpeech()
  const nano = offer.price?.rates[bucket]
  if (nano === undefined) return <span className="text-soft">–</span>
  return (
    <span className="inline-flex flex-col items-end md:py-1">
      <span>${dollars(bucket, nano)}</span>
      {offer.price?.tiers?.map((tier) =>
        tier.rates[bucket] === undefined ? null : (
          <span key={tier.above_input} className="text-xs text-soft">
            ${dollars(bucket, tier.rates[bucket])}{' '}
            {t('offer_from', { tokens: short(tier.above_input, language) })}
          </span>
        ),
      )}
    </span>
  )
}

function Others({ offer }: { offer: Offer }) {
  const { t } = useSpeech()
  const set = OTHERS.filter((bucket) => offer.price?.rates[bucket] !== undefined)
  if (!offer.price) return <span className="text-soft">{t('price_none')}</span>
  if (set.length === 0) return <span className="text-soft">–</span>
  return (
    <ul className="flex flex-col items-end text-xs md:py-1">
      {set.map((bucket) => (
        <li key={bucket}>
          {t(`price_${bucket}`)}: ${dollars(bucket, offer.price?.rates[bucket])}
        </li>
      ))}
    </ul>
  )
}

function Says({ told }: { told: Catalogue }) {
  const { t, language } = useSpeech()
  const vendors = new Set(told.models.map((one) => one.vendor).filter(Boolean)).size
  const share = new Intl.NumberFormat(language, {
    style: 'percent',
    signDisplay: 'exceptZero',
    maximumFractionDigits: 2,
  }).format(told.ratio - 1)
  return (
    <p>
      {t('offer_says', { count: told.models.length, vendors })} {t('offer_per')}{' '}
      {told.ratio === 1 ? null : t('offer_for_group', { share, group: told.group })}
    </p>
  )
}

export function Models() {
  const { t } = useSpeech()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { q?: string; p?: string; order?: string }
  const page = Number(search.p ?? 0) || 0
  const order = ORDERS.find((one) => one === search.order) ?? 'name'
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/models', search: { ...search, ...change } as never, replace: true })
  const offers = useQuery(catalogue)
  const told = offers.data
  const wanted = (search.q ?? '').trim().toLowerCase()
  const found =
    told &&
    sorted(
      paid(told.models, told.ratio).filter(({ model, vendor }) =>
        `${model}\n${vendor}`.toLowerCase().includes(wanted),
      ),
      order,
    )
  const columns: Column<Offer>[] = [
    {
      key: 'model',
      head: t('price_model'),
      show: ({ model }) => (
        <span className="flex items-center gap-1">
          <span className="font-mono text-xs break-all">{model}</span>
          <CopyButton text={model} name={t('offer_copy', { model })} />
        </span>
      ),
    },
    { key: 'vendor', head: t('offer_vendor'), show: ({ vendor }) => vendor },
    ...MAIN.map(
      (bucket): Column<Offer> => ({
        key: bucket,
        head: t(`price_${bucket}`),
        right: true,
        show: (offer) => <Rate offer={offer} bucket={bucket} />,
      }),
    ),
    { key: 'others', head: t('price_others'), right: true, show: (offer) => <Others offer={offer} /> },
  ]
  return (
    <div className={WIDE}>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('models_at')}</h1>
        {closed(offers.error) ? null : (
          <div className="flex flex-wrap items-end gap-2">
            <Input
              hidden
              label={t('offer_search')}
              placeholder={t('offer_search')}
              type="search"
              className="sm:w-64"
              defaultValue={search.q ?? ''}
              onChange={(event) => go({ q: event.target.value || undefined, p: undefined })}
            />
            <Select
              hidden
              label={t('offer_order')}
              value={order}
              onChange={(event) =>
                go({ order: event.target.value === 'name' ? undefined : event.target.value, p: undefined })
              }
            >
              <option value="name">{t('offer_order_name')}</option>
              <option value="input">{t('offer_order_input')}</option>
              <option value="output">{t('offer_order_output')}</option>
              <option value="dear">{t('offer_order_dear')}</option>
            </Select>
          </div>
        )}
      </div>
      {closed(offers.error) ? (
        <p>{t('offer_closed')}</p>
      ) : (
        <>
          {told ? <Says told={told} /> : null}
          <Table
            caption={t('models_at')}
            columns={columns}
            rows={found?.slice(page * PAGE, (page + 1) * PAGE)}
            id={({ model }) => model}
            error={offers.error}
            retry={() => offers.refetch()}
            empty={
              <Empty
                icon={<Boxes className="size-6" aria-hidden />}
                title={wanted ? t('nothing_found') : t('offer_empty')}
              />
            }
          />
          <Pages
            page={page}
            more={(found?.length ?? 0) > (page + 1) * PAGE}
            go={(to) => go({ p: to ? String(to) : undefined })}
          />
          <p>
            <Link to="/status" search={{}} className="rounded text-accent underline underline-offset-4">
              {t('uptime_title')}
            </Link>
          </p>
        </>
      )}
    </div>
  )
}
