// Many channels at once.
import { useState } from 'react'
import { api, data, type Schemas } from '../../api/client'
import { type Key, useSpeech } from '../../i18n'
import { type Patch, rows as rowsOf } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Confirm } from '../../ui/confirm'
import { Input } from '../../ui/field'
import { type Step, stepsBack, type Values } from './batch-plan'
import { type Channel, CONCERNS } from './queries'
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

/** One that the file declares stays as it is. */
const changed = (row: Channel, ids: number[], set: Values) =>
  row.owner !== 'file' && ids.includes(row.id) ? { ...row, ...set } : row

interface Props {
  ids: number[]
  /** What the list shows: what the chosen ones were. */
  rows: Channel[]
  /** All that the list's filters choose, instead of the ids. */
  whole?: { filter: Schemas['ChannelChoice']; count: number } | undefined
  clear: () => void
}

interface Wanted {
  steps: Step[]
  before: Channel[]
}

export function Batch({ ids, rows, whole, clear }: Props) {
  const { t } = useSpeech()
  const [what, setWhat] = useState<What | null>(null)
  const [value, setValue] = useState('')
  const run = useChange({
    run: async ({ steps }: Wanted) => {
      const told: Schemas['Batched'] = { ids: [], owned_by_file: [] }
      for (const step of steps) {
        const part = await data(api.POST('/api/channel/batch', { body: step as Schemas['BatchBody'] }))
        told.ids.push(...part.ids)
        told.owned_by_file.push(...part.owned_by_file)
      }
      return told
    },
    concerns: CONCERNS,
    shown: ({ steps }) =>
      steps.flatMap(({ ids, set }) =>
        ids && set
          ? [[['channels'], rowsOf<Channel>((row) => changed(row, ids, set))] as [string[], Patch]]
          : [],
      ),
    back: ({ steps, before }, told) => {
      const set = steps[0]?.set
      const back = set && stepsBack(set, told.ids, before)
      return back?.length ? { steps: back, before: [] } : undefined
    },
    says: ({ steps }, told, undoing) => {
      if (undoing) return t('undone')
      const kept = told.owned_by_file.length
      const text = t(steps[0]?.delete ? 'channel_many_deleted' : 'channel_many_changed', {
        count: told.ids.length,
      })
      return kept ? `${text} ${t('channel_many_kept', { count: kept })}` : text
    },
    about: () => 'channels',
    done: (_told, _wanted, undoing) => {
      if (undoing) return
      setWhat(null)
      clear()
    },
  })
  const start = (done: What) => {
    const doing: Record<What, Pick<Step, 'set' | 'delete'>> = {
      pause: { set: { status: 2 } },
      resume: { set: { status: 1 } },
      priority: { set: { priority: Number(value) } },
      weight: { set: { weight: Number(value) } },
      group: { set: { group: names(value).join(',') } },
      tags: { set: { tags: names(value) } },
      delete: { delete: true },
    }
    const which = whole ? { filter: whole.filter, expected: whole.count } : { ids }
    run.mutate({ steps: [{ ...which, ...doing[done] }], before: rows })
  }
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
          run={() => fits && start(what)}
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
