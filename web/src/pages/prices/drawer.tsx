// All rates of a model, and what its price was when.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { useDraft } from '../../lib/draft'
import { Button } from '../../ui/button'
import { useChanging } from '../../ui/change'
import { Confirm } from '../../ui/confirm'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Count, Time } from '../../ui/show'
import { Preview, useSavePrice } from './change'
import { BUCKETS, dollars, draftOf, PIECES, type Price, priceOf, rate } from './rates'

function Rates({ price }: { price: Price | null }) {
  const { t } = useSpeech()
  if (!price?.rates) return <span className="text-soft">{t('price_none')}</span>
  const known = BUCKETS.filter((bucket) => price.rates[bucket] !== undefined)
  return (
    <span>
      {known.map((bucket) => `${t(`price_${bucket}`)} $${dollars(bucket, price.rates[bucket])}`).join(' · ')}
    </span>
  )
}

function History({
  model,
  now,
  put,
}: {
  model: string
  now: Price | undefined
  put?: (price: Price) => void
}) {
  const { t } = useSpeech()
  const past = useInfiniteQuery({
    queryKey: ['price-history', model],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam }) =>
      whole(
        api.GET('/api/price/history', {
          params: { query: { model, page_size: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (last) => (last.data.length === 20 ? (last.cursor ?? null) : null),
  })
  if (past.error) return <Failure error={past.error} retry={() => past.refetch()} />
  const rows = past.data?.pages.flatMap((page) => page.data) ?? []
  if (past.data && rows.length === 0) return <p className="text-soft">{t('price_no_history')}</p>
  return (
    <>
      <ul className="flex flex-col divide-y divide-line">
        {rows.map((row, at) => {
          const price = row.price as Price | null
          const same = JSON.stringify(price) === JSON.stringify(now ?? null)
          return (
            <li key={row.id} className="skip-offscreen flex flex-wrap items-center gap-3 px-1 py-1.5">
              <Time at={Math.floor(row.at_ms / 1000)} />
              <span className="flex-1">
                <Rates price={price} />
              </span>
              {at > 0 && put && price && !same ? (
                <Button look="quiet" onClick={() => put(price)}>
                  {t('price_put_back')}
                </Button>
              ) : null}
            </li>
          )
        })}
      </ul>
      {past.hasNextPage ? (
        <div>
          <Button busy={past.isFetchingNextPage} onClick={() => past.fetchNextPage()}>
            {t('price_older')}
          </Button>
        </div>
      ) : null}
    </>
  )
}

interface Props {
  model: string
  price: Price | undefined
  /** Root may change it, where the file does not have it. */
  may: boolean
  close: () => void
}

export function PriceDrawer({ model, price, may, close }: Props) {
  const { t } = useSpeech()
  const { draft, change } = useDraft(draftOf(price), useChanging('prices'))
  const [removing, setRemoving] = useState(false)
  const save = useSavePrice(close)
  const next = priceOf(draft, price)
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(price))
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={model} description={t('price_hint')} side>
      <div className="flex flex-col gap-5">
        <div className="grid gap-3 sm:grid-cols-2">
          {BUCKETS.map((bucket) => (
            <Input
              key={bucket}
              label={t(`price_${bucket}`)}
              hint={(PIECES as readonly string[]).includes(bucket) ? t('price_each') : undefined}
              inputMode="decimal"
              disabled={!may}
              value={draft[bucket] ?? ''}
              error={rate(bucket, draft[bucket] ?? '') === null ? t('not_money') : undefined}
              onChange={(event) => change({ ...draft, [bucket]: event.target.value })}
            />
          ))}
        </div>
        {price?.tiers?.map((tier) => (
          <p key={tier.above_input} className="text-soft">
            {t('price_tier')} <Count of={tier.above_input} />: <Rates price={{ rates: tier.rates }} />
          </p>
        ))}
        {may ? (
          <>
            {changed ? <Preview model={model} price={next} /> : null}
            <div className="flex flex-wrap gap-2">
              <Button
                look="main"
                disabled={!changed || !next}
                busy={save.isPending}
                onClick={() => next && save.mutate({ model, price: next, before: price ?? null })}
              >
                {t('save')}
              </Button>
              {price ? (
                <Button look="danger" onClick={() => setRemoving(true)}>
                  {t('price_remove')}
                </Button>
              ) : null}
            </div>
          </>
        ) : null}
        <section className="flex flex-col gap-3 border-t border-line pt-4">
          <h3 className="font-semibold">{t('price_history')}</h3>
          <History
            model={model}
            now={price}
            {...(may
              ? { put: (old: Price) => save.mutate({ model, price: old, before: price ?? null }) }
              : {})}
          />
        </section>
      </div>
      {removing ? (
        <Confirm
          danger
          title={t('price_remove_title', { model })}
          description={t('price_remove_hint')}
          action={t('price_remove')}
          busy={save.isPending}
          run={() => save.mutate({ model, price: null, before: price ?? null })}
          close={() => setRemoving(false)}
        />
      ) : null}
    </Dialog>
  )
}
