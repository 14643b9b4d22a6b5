// A batch of vouchers, taken along as a file the moment it is made.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { onceKey, saveCsv } from '../../lib/download'
import { quotaUsd, typedQuota, usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { useSay } from '../../ui/toast'

const bytes = (text: string) => new TextEncoder().encode(text).length

export function MakeVouchers({ close }: { close: () => void }) {
  const { t, language } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const [count, setCount] = useState('100')
  const [amount, setAmount] = useState('10')
  const [name, setName] = useState('')
  const [until, setUntil] = useState('')
  const [once] = useState(onceKey)
  const quota = typedQuota(amount)
  const number = Number(count)
  const faults = {
    count: !/^\d+$/.test(count.trim()) || number < 1 || number > 100,
    amount: quota === null || quota <= 0,
    name: bytes(name.trim()) > 20,
  }
  const fits = !faults.count && !faults.amount && !faults.name
  const total = fits ? usd(quotaUsd(quota ?? 0) * number, language) : '–'
  const create = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/redemption', {
          params: { header: { 'Idempotency-Key': once } },
          body: {
            count: number,
            quota,
            name: name.trim() || new Date().toISOString().slice(0, 10),
            // To the end of that day, where the browser is.
            ...(until ? { expired_time: Math.floor(new Date(`${until}T23:59:59`).getTime() / 1000) } : {}),
          },
        }),
      ),
    onSuccess: (codes) => {
      queries.invalidateQueries({ queryKey: ['vouchers'] })
      const dollars = String(quotaUsd(quota ?? 0))
      saveCsv(`vouchers-${new Date().toISOString().slice(0, 10)}.csv`, [
        ['code', 'usd', 'expires'],
        ...codes.map((code) => [code, dollars, until]),
      ])
      say(t('voucher_made', { count: codes.length }))
      close()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (fits) create.mutate()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t('voucher_new')}
      description={t('voucher_new_hint')}
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Input
            label={t('voucher_count')}
            inputMode="numeric"
            required
            autoFocus
            value={count}
            error={faults.count ? t('voucher_count_wrong') : undefined}
            onChange={(event) => setCount(event.target.value)}
          />
          <Input
            label={t('voucher_amount')}
            inputMode="decimal"
            required
            value={amount}
            error={faults.amount ? t('not_money') : undefined}
            onChange={(event) => setAmount(event.target.value)}
          />
          <Input
            label={t('name')}
            hint={t('voucher_name_hint')}
            value={name}
            error={faults.name ? t('voucher_name_wrong') : undefined}
            onChange={(event) => setName(event.target.value)}
          />
          <Input
            label={t('voucher_until')}
            hint={t('voucher_until_hint')}
            type="date"
            min={new Date().toISOString().slice(0, 10)}
            value={until}
            onChange={(event) => setUntil(event.target.value)}
          />
        </div>
        <p className="text-soft">{t('voucher_total', { total })}</p>
        {create.error ? (
          <p role="alert" className="text-bad">
            {explained(create.error, t)}
          </p>
        ) : null}
        <div>
          <Button type="submit" look="main" disabled={!fits} busy={create.isPending}>
            {t('voucher_create')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
