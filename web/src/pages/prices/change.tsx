// Changing a price: what it would have cost is shown before it is saved.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { useFailed } from '../../ui/toast'
import type { Price } from './rates'

export function useSavePrice(done: () => void) {
  const failed = useFailed()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ model, price }: { model: string; price: Price | null }): Promise<unknown> =>
      price
        ? whole(api.PUT('/api/price', { body: { model, price: price as never } }))
        : whole(api.DELETE('/api/price', { body: { model } })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['prices'] })
      queries.invalidateQueries({ queryKey: ['price-history'] })
      done()
    },
    onError: failed,
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
