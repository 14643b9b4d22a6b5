// Credit: money that an administrator gives, through the ledger.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { onceKey } from '../../lib/download'
import { quotaUsd, typedQuota, usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { useSay } from '../../ui/toast'

export function Credit({ user, close }: { user: Schemas['User']; close: () => void }) {
  const { t, language } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const [amount, setAmount] = useState('')
  const [reason, setReason] = useState('')
  const [once] = useState(onceKey)
  const quota = typedQuota(amount)
  const wrong = amount.trim() !== '' && (quota === null || quota <= 0)
  const give = useMutation({
    mutationFn: () =>
      whole(
        api.POST('/api/topup', {
          params: { header: { 'Idempotency-Key': once } },
          body: { user_id: user.id, quota, remark: reason.trim() || null },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['users'] })
      queries.invalidateQueries({ queryKey: ['user'] })
      say(t('user_credited', { name: user.username, amount: usd(quotaUsd(quota ?? 0), language) }))
      close()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (quota !== null && quota > 0) give.mutate()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t('user_credit_to', { name: user.username })}
      description={t('user_credit_hint', { amount: usd(user.balance_usd, language) })}
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Input
          label={t('user_amount')}
          inputMode="decimal"
          required
          autoFocus
          placeholder="10"
          value={amount}
          error={wrong ? t('not_money') : undefined}
          onChange={(event) => setAmount(event.target.value)}
        />
        <Input
          label={t('user_reason')}
          hint={t('user_reason_hint')}
          maxLength={200}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {give.error ? (
          <p role="alert" className="text-bad">
            {explained(give.error, t)}
          </p>
        ) : null}
        <div>
          <Button type="submit" look="main" disabled={wrong || !amount.trim()} busy={give.isPending}>
            {t('user_credit')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
