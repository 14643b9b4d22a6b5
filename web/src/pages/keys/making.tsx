// Making a key: a name, and what it may spend.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { typedQuota } from '../../lib/money'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { Input } from '../../ui/field'
import { useFailed } from '../../ui/toast'

type Token = Schemas['Token']

export function MakingForm({ made }: { made: (token: Token) => void }) {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [limit, setLimit] = useState('')
  const quota = limit.trim() ? typedQuota(limit) : undefined
  const create = useMutation({
    mutationFn: async () => {
      const body = {
        name: name.trim() || `key ${new Date().toISOString().slice(0, 10)}`,
        unlimited_quota: quota === undefined,
        remain_quota: quota ?? 0,
      }
      return (await whole(api.POST('/api/token', { body }))).data as Token
    },
    onSuccess: (token) => {
      queries.invalidateQueries({ queryKey: ['tokens'] })
      made(token)
    },
    onError: failed,
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (quota !== null) create.mutate()
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Input
        label={t('name')}
        hint={t('key_name_hint')}
        autoFocus
        maxLength={50}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Input
        label={t('key_limit')}
        hint={t('key_limit_hint')}
        inputMode="decimal"
        value={limit}
        error={quota === null ? t('not_money') : undefined}
        onChange={(event) => setLimit(event.target.value)}
      />
      <Button type="submit" look="main" busy={create.isPending}>
        {t('create')}
      </Button>
    </form>
  )
}

export function Making({ close, made }: { close: () => void; made: (token: Token) => void }) {
  const { t } = useSpeech()
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('new_key')}>
      <MakingForm made={made} />
    </Dialog>
  )
}
