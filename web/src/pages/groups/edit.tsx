// A group: its name, what its users pay, what it may use.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { limitsDraft, limitsFaults, limitsOf } from '../../lib/limits'
import { usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { LimitFields } from '../../ui/limits'
import { useSay } from '../../ui/toast'
import { type Group, percentOf, ratioOf } from './ratio'

interface Both {
  total?: object
  per_user?: object
}

export function EditGroup({ group, close }: { group: Group | null; close: () => void }) {
  const { t, language } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const limits = (group?.limits ?? {}) as Both
  const [name, setName] = useState(group?.name ?? '')
  const [percent, setPercent] = useState(group ? percentOf(group.ratio) : '0')
  const [total, setTotal] = useState(() => limitsDraft(limits.total))
  const [each, setEach] = useState(() => limitsDraft(limits.per_user))
  const ratio = ratioOf(percent)
  const same = (draft: object, before: object | undefined) =>
    JSON.stringify(draft) === JSON.stringify(limitsDraft(before))
  const limited = !same(total, limits.total) || !same(each, limits.per_user)
  const faulty = limitsFaults(total).length > 0 || limitsFaults(each).length > 0
  const estimate = useQuery({
    queryKey: ['estimate-group', group?.name, ratio],
    enabled: group !== null && ratio !== null && ratio !== group.ratio,
    queryFn: () =>
      data(
        api.POST('/api/price/estimate', {
          body: { group_ratios: { [group?.name ?? '']: ratio } as never },
        }),
      ),
  })
  const save = useMutation({
    mutationFn: () =>
      whole(
        api.PUT('/api/group/{name}', {
          params: { path: { name: group?.name ?? name.trim() } },
          body: {
            ratio,
            ...(group && name.trim() !== group.name ? { name: name.trim() } : {}),
            ...(limited
              ? {
                  limits: {
                    total: limitsOf(total, limits.total),
                    per_user: limitsOf(each, limits.per_user),
                  } as never,
                }
              : {}),
          },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['groups'] })
      queries.invalidateQueries({ queryKey: ['group-names'] })
      say(t('saved'))
      close()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (ratio !== null && !faulty) save.mutate()
  }
  const told = estimate.data
  const more = told ? Number(told.would_usd) - Number(told.then_usd) : 0
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={group ? t('group_edit', { name: group.name }) : t('group_new')}
      side
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Input
          label={t('name')}
          hint={group ? t('group_rename_hint') : undefined}
          required
          autoFocus={!group}
          pattern="[^,\/]+"
          disabled={group?.name === 'default'}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Input
          label={t('group_percent')}
          hint={t('group_percent_hint')}
          inputMode="decimal"
          required
          value={percent}
          error={ratio === null ? t('group_percent_wrong') : undefined}
          onChange={(event) => setPercent(event.target.value)}
        />
        {told && told.calls > 0 ? (
          <p role="status" className="text-soft">
            {t('group_preview', {
              change: `${more < 0 ? '−' : '+'}${usd(Math.abs(more), language)}`,
              after: usd(told.would_usd, language),
              before: usd(told.then_usd, language),
            })}
          </p>
        ) : null}
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-2 font-medium">{t('group_limits_total')}</legend>
          <LimitFields draft={total} change={setTotal} />
        </fieldset>
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-2 font-medium">{t('group_limits_each')}</legend>
          <LimitFields draft={each} change={setEach} />
        </fieldset>
        {save.error ? (
          <p role="alert" className="text-bad">
            {explained(save.error, t)}
          </p>
        ) : null}
        <div>
          <Button type="submit" look="main" disabled={ratio === null || faulty} busy={save.isPending}>
            {t('save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
