// A group: its name, what its users pay, what it may use.
import { useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { useDraft } from '../../lib/draft'
import { limitsDraft, limitsFaults, limitsOf } from '../../lib/limits'
import { usd } from '../../lib/money'
import { rows } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange, useChanging } from '../../ui/change'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { LimitFields } from '../../ui/limits'
import { type Group, percentOf, ratioOf } from './ratio'

interface Both {
  total?: object
  per_user?: object
}

interface Put {
  at: string
  /** Without it the group is deleted. */
  body: { ratio: number; name?: string; limits?: Both } | null
}

/** A group that is changed or made, and what undoes that. */
type Wanted = Put & { back: Put | null }

export function EditGroup({ group, close }: { group: Group | null; close: () => void }) {
  const { t, language } = useSpeech()
  const limits = (group?.limits ?? {}) as Both
  const before = {
    name: group?.name ?? '',
    percent: group ? percentOf(group.ratio) : '0',
    total: limitsDraft(limits.total),
    each: limitsDraft(limits.per_user),
  }
  const { draft, change } = useDraft(before, useChanging('groups'))
  const { name, percent, total, each } = draft
  const ratio = ratioOf(percent)
  const limited = JSON.stringify([total, each]) !== JSON.stringify([before.total, before.each])
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
  const save = useChange({
    run: ({ at, body }: Wanted): Promise<unknown> =>
      body
        ? whole(api.PUT('/api/group/{name}', { params: { path: { name: at } }, body: body as never }))
        : whole(api.DELETE('/api/group/{name}', { params: { path: { name: at } } })),
    concerns: [['groups'], ['group-names']],
    shown: ({ at, body }) => [
      // A new name is shown when it is certain: it is what this drawer is open for.
      [
        ['groups'],
        rows<Group>((row) =>
          row.name === at && body ? { ...row, ratio: body.ratio, limits: body.limits ?? row.limits } : row,
        ),
      ],
    ],
    back: ({ back }) => back && { ...back, back: null },
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: ({ at }) => `group ${at}`,
    done: (_told, _wanted, undoing) => {
      if (!undoing) close()
    },
    refused: () => {},
  })
  const start = () => {
    if (ratio === null || faulty) return
    const now = name.trim()
    const renamed = group !== null && now !== group.name
    const set = { total: limitsOf(total, limits.total), per_user: limitsOf(each, limits.per_user) }
    const former = {
      total: limitsOf(before.total, limits.total),
      per_user: limitsOf(before.each, limits.per_user),
    }
    const ratioBefore = group?.ratio
    save.mutate({
      at: group?.name ?? now,
      body: { ratio, ...(renamed ? { name: now } : {}), ...(limited ? { limits: set } : {}) },
      back: !group
        ? { at: now, body: null }
        : // A group without a ratio can't be made by the API.
          typeof ratioBefore !== 'number'
          ? null
          : {
              at: now,
              body: {
                ratio: ratioBefore,
                ...(renamed ? { name: group.name } : {}),
                ...(limited ? { limits: former } : {}),
              },
            },
    })
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    start()
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
          onChange={(event) => change({ ...draft, name: event.target.value })}
        />
        <Input
          label={t('group_percent')}
          hint={t('group_percent_hint')}
          inputMode="decimal"
          required
          value={percent}
          error={ratio === null ? t('group_percent_wrong') : undefined}
          onChange={(event) => change({ ...draft, percent: event.target.value })}
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
          <LimitFields draft={total} change={(total) => change({ ...draft, total })} />
        </fieldset>
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-2 font-medium">{t('group_limits_each')}</legend>
          <LimitFields draft={each} change={(each) => change({ ...draft, each })} />
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
