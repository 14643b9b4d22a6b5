// What is not saved yet, shown as a difference before it is.
import { useQueryClient } from '@tanstack/react-query'
import { useBlocker } from '@tanstack/react-router'
import { useState } from 'react'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { useOptionName } from './field'
import { kindOf } from './options'
import { settingOf } from './values'

export interface Change {
  key: string
  /** As fields have it. */
  before: string
  after: string
  /** As the API had it. */
  kept: string
}

/** An option as the API has it, and what it was. */
interface Value {
  key: string
  value: string
  former: string
}

/** Switches last: some can't be switched on before what they need is there. */
const inOrder = <C extends { key: string }>(changes: C[]) =>
  [...changes].sort((a, b) => Number(kindOf(a.key) === 'switch') - Number(kindOf(b.key) === 'switch'))

interface Props {
  changes: Change[]
  drop: (keys: string[]) => void
}

export function Unsaved({ changes, drop }: Props) {
  const { t } = useSpeech()
  const name = useOptionName()
  const queries = useQueryClient()
  const [open, setOpen] = useState(false)
  const faulty = changes.some((change) => settingOf(change.key, change.after) === null)
  const save = useChange({
    run: async (options: Value[], undoing) => {
      for (const { key, value } of inOrder(options)) {
        await whole(api.PUT('/api/option', { body: { key, value: value as never } }))
        await queries.invalidateQueries({ queryKey: ['options'] })
        if (!undoing) drop([key])
      }
    },
    concerns: [['options'], ['site']],
    // A secret can't be put back, and would then belong to something else: to another server, for one.
    back: (options) =>
      options.some(({ key }) => kindOf(key) === 'secret')
        ? null
        : options.map(({ key, value, former }) => ({ key, value: former, former: value })),
    says: (_options, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => 'options',
    done: (_told, _options, undoing) => {
      if (!undoing) setOpen(false)
    },
    refused: () => {},
  })
  const start = () =>
    save.mutate(
      changes.map(({ key, after, kept }) => ({ key, value: settingOf(key, after) ?? '', former: kept })),
    )
  useBlocker({
    disabled: changes.length === 0,
    enableBeforeUnload: changes.length > 0,
    shouldBlockFn: ({ current, next }) =>
      current.pathname !== next.pathname && !window.confirm(t('setting_leave', { count: changes.length })),
  })
  if (changes.length === 0 && !open) return null
  const shown = (key: string, field: string) =>
    kindOf(key) === 'secret'
      ? '•••'
      : kindOf(key) === 'switch'
        ? t(field === 'true' ? 'setting_on' : 'setting_off')
        : kindOf(key) === 'money'
          ? `$${field}`
          : field || t('setting_blank')
  return (
    <section
      aria-label={t('setting_unsaved', { count: changes.length })}
      className="sticky bottom-4 z-20 flex flex-wrap items-center gap-3 rounded-lg border border-accent bg-card px-4 py-2 shadow-lg"
    >
      <span className="font-medium">{t('setting_unsaved', { count: changes.length })}</span>
      <Button onClick={() => drop(changes.map((change) => change.key))}>{t('setting_drop')}</Button>
      <Button look="main" disabled={faulty} onClick={() => setOpen(true)}>
        {t('setting_review')}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={t('setting_review_title')}
        description={t('setting_review_hint')}
      >
        <div className="flex flex-col gap-4">
          <dl className="flex flex-col gap-3">
            {changes.map(({ key, before, after }) => (
              <div key={key}>
                <dt className="font-medium">{name(key)}</dt>
                <dd className="break-words">
                  {kindOf(key) === 'secret' ? null : (
                    <del className="mr-2 text-bad">{shown(key, before)}</del>
                  )}
                  <ins className="text-good no-underline">{shown(key, after)}</ins>
                </dd>
              </div>
            ))}
          </dl>
          {save.error ? (
            <p role="alert" className="text-bad">
              {t('setting_not_saved', {
                name: name(inOrder(changes)[0]?.key ?? ''),
                why: explained(save.error, t),
              })}
            </p>
          ) : null}
          <div className="flex gap-2">
            <Button look="main" busy={save.isPending} onClick={start}>
              {t('save')}
            </Button>
            <Button onClick={() => setOpen(false)}>{t('cancel')}</Button>
          </div>
        </div>
      </Dialog>
    </section>
  )
}
