// Changing a price: what it would have cost is shown before it is saved.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import type { Patch } from '../../lib/rows'
import { useChange } from '../../ui/change'
import type { Price } from './rates'

/** A price that is set, or taken away, and what it was. */
export interface Repriced {
  model: string
  price: Price | null
  before: Price | null
}

/** What the list shows of it; whether a model without a price is offered, the API says. */
const listed =
  ({ model, price }: Repriced): Patch =>
  (seen) => {
    const { models, unpriced } = seen as Schemas['Prices']
    const others = models.filter((one) => one.model !== model)
    if (!price) return { models: others, unpriced }
    const row = { model, price: price as never, owner: 'db' }
    return {
      models: [...others, row].sort((a, b) => (a.model < b.model ? -1 : 1)),
      unpriced: unpriced.filter((one) => one !== model),
    }
  }

export function useSavePrice(done: () => void, refused?: (error: unknown, wanted: Repriced) => void) {
  const { t } = useSpeech()
  return useChange({
    run: ({ model, price }: Repriced): Promise<unknown> =>
      price
        ? whole(api.PUT('/api/price', { body: { model, price: price as never } }))
        : whole(api.DELETE('/api/price', { body: { model } })),
    concerns: [['prices'], ['price-history']],
    shown: (wanted) => [[['prices'], listed(wanted)]],
    back: ({ model, price, before }) => ({ model, price: before, before: price }),
    says: ({ model, price }, _told, undoing) =>
      undoing ? t('undone') : t(price ? 'price_saved' : 'price_removed', { model }),
    about: ({ model }) => `price of ${model}`,
    done: (_told, _wanted, undoing) => {
      if (!undoing) done()
    },
    ...(refused ? { refused } : {}),
  })
}

/** What the last seven days would have cost. */
export function Preview({ model, price }: { model: string; price: Price | null }) {
  const { t, language } = useSpeech()
  const [asked, setAsked] = useState('')
  const text = price ? JSON.stringify(price) : ''
  useEffect(() => {
    const later = setTimeout(() => setAsked(text), 300)
    return () => clearTimeout(later)
  }, [text])
  const estimate = useQuery({
    queryKey: ['estimate', model, asked],
    enabled: asked !== '',
    queryFn: () =>
      data(api.POST('/api/price/estimate', { body: { prices: { [model]: JSON.parse(asked) } } })),
    placeholderData: (before) => before,
  })
  const told = estimate.data
  const mine = told?.models.find((one) => one.model === model)
  const more = Number(mine?.would_usd ?? 0) - Number(mine?.then_usd ?? 0)
  const says = !price
    ? t('price_wrong')
    : !told
      ? ''
      : mine && mine.calls > 0
        ? t('price_preview', {
            change: `${more < 0 ? '−' : '+'}${usd(Math.abs(more), language)}`,
            before: usd(mine.then_usd, language),
            after: usd(mine.would_usd, language),
            calls: mine.calls,
          })
        : t('price_preview_none')
  return (
    <p role="status" className="min-h-5 text-soft">
      {says} {told && !told.complete ? t('price_preview_part') : ''}
    </p>
  )
}
