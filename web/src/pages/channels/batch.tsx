// Many channels at once.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, type Schemas } from '../../api/client'
import { type Key, useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/confirm'
import { Input } from '../../ui/field'
import { useFailed, useSay } from '../../ui/toast'
import { useRefresh } from './queries'
import { names } from './vendors'

type What = 'resume' | 'pause' | 'priority' | 'weight' | 'group' | 'tags' | 'delete'

const ACTIONS: [What, Key][] = [
  ['pause', 'channel_pause'],
  ['resume', 'channel_resume'],
  ['priority', 'channel_priority'],
  ['weight', 'channel_weight'],
  ['group', 'channel_groups'],
  ['tags', 'channel_tags'],
  ['delete', 'delete'],
]
const FIELDS: What[] = ['priority', 'weight', 'group', 'tags']
const TITLES: Record<What, Key> = {
  pause: 'channel_pause_many',
  resume: 'channel_resume_many',
  priority: 'channel_priority_many',
  weight: 'channel_weight_many',
  group: 'channel_group_many',
  tags: 'channel_tags_many',
  delete: 'channel_delete_many',
}

interface Props {
  ids: number[]
  /** All that the list's filters choose, instead of the ids. */
  whole?: { filter: Schemas['ChannelChoice']; count: number } | undefined
  clear: () => void
}

export function Batch({ ids, whole, clear }: Props) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const refresh = useRefresh()
  const [what, setWhat] = useState<What | null>(null)
  const [value, setValue] = useState('')
  const run = useMutation({
    mutationFn: (done: What) => {
      const set: Record<string, unknown> = {
        pause: { status: 2 },
        resume: { status: 1 },
        priority: { priority: Number(value) },
        weight: { weight: Number(value) },
        group: { group: names(value) },
        tags: { tags: names(value) },
        delete: {},
      }[done]
      const which = whole ? { filter: whole.filter, expected: whole.count } : { ids }
      const body = done === 'delete' ? { ...which, delete: true } : { ...which, set: set as never }
      return data(api.POST('/api/channel/batch', { body }))
    },
    onSuccess: (told, done) => {
      refresh()
      setWhat(null)
      clear()
      const kept = told.owned_by_file.length
      const text = t(done === 'delete' ? 'channel_many_deleted' : 'channel_many_changed', {
        count: told.ids.length,
      })
      say(kept ? `${text} ${t('channel_many_kept', { count: kept })}` : text)
    },
    onError: failed,
  })
  const count = whole?.count ?? ids.length
  const wanted = what !== null && FIELDS.includes(what)
  const number = what === 'priority' || what === 'weight'
  const fits = !wanted || (number ? /^-?\d{1,9}$/.test(value.trim()) : true)
  return (
    <section
      aria-label={t('channel_chosen', { count })}
      className="sticky top-12 z-20 flex flex-wrap items-center gap-2 rounded-lg border border-line bg-card px-3 py-2"
    >
      <span className="font-medium">{t('channel_chosen', { count })}</span>
      {ACTIONS.map(([action, name]) => (
        <Button
          key={action}
          look={action === 'delete' ? 'danger' : 'plain'}
          onClick={() => {
            setValue('')
            setWhat(action)
          }}
        >
          {t(name)}
        </Button>
      ))}
      <Button look="quiet" onClick={clear}>
        {t('channel_choose_none')}
      </Button>
      {what ? (
        <Confirm
          danger={what === 'delete'}
          title={t(TITLES[what], { count })}
          description={t(what === 'delete' ? 'channel_delete_hint' : 'channel_many_hint')}
          action={t('channel_many_do', { count })}
          busy={run.isPending}
          {...(what === 'delete' && count > 10 ? { typed: String(count) } : {})}
          run={() => fits && run.mutate(what)}
          close={() => setWhat(null)}
        >
          {wanted ? (
            <Input
              autoFocus
              label={t(ACTIONS.find(([action]) => action === what)?.[1] ?? 'name')}
              hint={number ? undefined : t('channel_commas')}
              error={fits ? undefined : t('channel_no_number')}
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          ) : null}
        </Confirm>
      ) : null}
    </section>
  )
}
