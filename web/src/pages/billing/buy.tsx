// Money by a payment provider or a shop outside, where the installation has one.
import { useMutation } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, data, type Schemas } from '../../api/client'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Input, Select } from '../../ui/field'
import { Card } from '../../ui/show'
import { useFailed } from '../../ui/toast'

/** Only to pages of the web. */
function leave(address: string) {
  const { protocol } = new URL(address, location.origin)
  if (protocol === 'https:' || protocol === 'http:') location.assign(address)
}

function price(amount: number, currency: string, language: string) {
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency }).format(amount)
  } catch {
    return `${amount} ${currency}`
  }
}

function Pay({ offers }: { offers: Schemas['Offers'] }) {
  const { t, language } = useSpeech()
  const failed = useFailed()
  const ways = offers.providers.flatMap((offer) =>
    (offer.methods.length > 0 ? offer.methods : ['']).map((method) => ({ offer, method })),
  )
  const [way, setWay] = useState(0)
  const [text, setText] = useState('')
  const [touched, setTouched] = useState(false)
  const amount = Number(text.replace(/^\$/, '').replace(',', '.'))
  const cents = Math.abs(amount * 100 - Math.round(amount * 100)) < 1e-6
  const good = text.trim() !== '' && cents && amount >= offers.min_usd && amount <= offers.max_usd
  const bounds = { min: usd(offers.min_usd, language), max: usd(offers.max_usd, language) }
  const chosen = ways[way]
  const cost = good && chosen ? price(amount * chosen.offer.price, chosen.offer.currency, language) : ''
  const pay = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/pay', {
          body: {
            provider: chosen?.offer.provider ?? '',
            amount_usd: amount,
            method: chosen?.method || null,
          },
        }),
      ),
    onSuccess: ({ url }) => leave(url),
    onError: failed,
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTouched(true)
    if (good) pay.mutate()
  }
  return (
    <form onSubmit={submit} className="flex flex-col items-start gap-3">
      <Input
        label={t('billing_amount')}
        hint={t('billing_amount_hint', bounds)}
        inputMode="decimal"
        placeholder="$"
        value={text}
        error={touched && !good ? t('billing_amount_wrong', bounds) : undefined}
        onBlur={() => setTouched(text !== '')}
        onChange={(event) => setText(event.target.value)}
      />
      {ways.length > 1 ? (
        <Select
          label={t('billing_method')}
          value={way}
          onChange={(event) => setWay(Number(event.target.value))}
        >
          {ways.map(({ offer, method }, at) => (
            <option key={`${offer.provider}-${method}`} value={at}>
              {method ? `${offer.provider}: ${method}` : offer.provider}
            </option>
          ))}
        </Select>
      ) : null}
      {cost ? <p className="text-soft">{t('billing_will_pay', { price: cost })}</p> : null}
      <Button type="submit" look="main" busy={pay.isPending}>
        {t('billing_go_pay', { amount: cost })}
      </Button>
    </form>
  )
}

function Shop() {
  const { t } = useSpeech()
  const failed = useFailed()
  const go = useMutation({
    mutationFn: () => data(api.GET('/api/user/topup_link')),
    onSuccess: ({ url }) => leave(url),
    onError: failed,
  })
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="text-soft">{t('billing_shop_hint')}</p>
      <Button
        busy={go.isPending}
        icon={<ExternalLink className="size-4" aria-hidden />}
        onClick={() => go.mutate()}
      >
        {t('billing_shop')}
      </Button>
    </div>
  )
}

export function Buy({ offers }: { offers: Schemas['Offers'] }) {
  const { t } = useSpeech()
  if (offers.providers.length === 0 && !offers.top_up_link) return null
  return (
    <Card title={t('billing_buy')}>
      <div className="flex flex-col gap-4">
        {offers.providers.length > 0 ? <Pay offers={offers} /> : null}
        {offers.top_up_link ? <Shop /> : null}
      </div>
    </Card>
  )
}
