// A voucher's code, turned into balance.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ApiError, api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { quotaUsd, usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Card } from '../../ui/show'

/** What changes when money arrives. */
export function useMoneyArrived() {
  const queries = useQueryClient()
  return () =>
    Promise.all(
      [['me'], ['logs'], ['movements'], ['orders']].map((queryKey) =>
        queries.invalidateQueries({ queryKey }),
      ),
    )
}

export function Voucher() {
  const { t, language } = useSpeech()
  const arrived = useMoneyArrived()
  const [code, setCode] = useState('')
  const redeem = useMutation({
    mutationFn: () => data(api.POST('/api/user/topup', { body: { key: code.trim() } })),
    onSuccess: () => {
      setCode('')
      return arrived()
    },
  })
  const { error } = redeem
  const why = () => {
    if (!error) return undefined
    if (error instanceof ApiError && error.code === 'voucher_unusable') return t('billing_code_used')
    if (error instanceof ApiError && error.status === 404) return t('billing_code_unknown')
    return explained(error, t)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (code.trim()) redeem.mutate()
  }
  return (
    <Card title={t('billing_voucher')}>
      <form onSubmit={submit} className="flex flex-col items-start gap-3">
        <div className="w-full">
          <Input
            label={t('billing_code')}
            hint={t('billing_code_hint')}
            autoComplete="off"
            spellCheck={false}
            // Opened to paste a code, more often than not.
            autoFocus
            required
            maxLength={256}
            className="font-mono"
            value={code}
            error={why()}
            onChange={(event) => {
              setCode(event.target.value)
              if (redeem.error || redeem.data !== undefined) redeem.reset()
            }}
          />
        </div>
        <Button type="submit" look="main" busy={redeem.isPending}>
          {t('billing_redeem')}
        </Button>
        <p role="status" className="text-good empty:hidden">
          {redeem.data !== undefined
            ? t('billing_redeemed', { amount: usd(quotaUsd(redeem.data), language) })
            : null}
        </p>
      </form>
    </Card>
  )
}
