// Labels of a prompt: a version each, or shares of calls for several (a canary).
import { Trash2 } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { rows } from '../../lib/rows'
import { Button, IconButton } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Input } from '../../ui/field'

/** A label as a prompt has it: a version, or several with their shares. */
export type Meant = number | { version: number; percent: number }[]

/** What a label means from now on, and what it did; undefined is a label that is not there. */
interface Moved {
  label: string
  means: Meant | undefined
  before: Meant | undefined
}

/** `3`, or `2: 90, 3: 10` with the percent of each. */
export function target(text: string): Meant | null {
  if (/^\d+$/.test(text.trim())) return Number(text)
  const split = text.split(',').map((part) => /^\s*(\d+)\s*:\s*(\d+)\s*%?\s*$/.exec(part))
  if (split.some((part) => part === null)) return null
  return split.map((part) => ({ version: Number(part?.[1]), percent: Number(part?.[2]) }))
}

export const shown = (meant: Meant) =>
  typeof meant === 'number'
    ? String(meant)
    : meant.map(({ version, percent }) => `${version}: ${percent} %`).join(', ')

export function Labels({ prompt }: { prompt: Schemas['Prompt'] }) {
  const { t } = useSpeech()
  const [label, setLabel] = useState('')
  const [text, setText] = useState('')
  const own = prompt.owner !== 'file'
  const labels = prompt.labels as unknown as Record<string, Meant>
  const path = (label: string) => ({ params: { path: { name: prompt.name, label } } })
  const set = useChange({
    run: ({ label, means }: Moved): Promise<unknown> =>
      means === undefined
        ? whole(api.DELETE('/api/prompt/{name}/labels/{label}', path(label)))
        : whole(
            api.PUT('/api/prompt/{name}/labels/{label}', {
              ...path(label),
              body:
                typeof means === 'number' ? { version: means, split: null } : { version: null, split: means },
            }),
          ),
    concerns: [['prompts']],
    shown: ({ label, means }) => [
      [
        ['prompts'],
        rows<Schemas['Prompt']>((row) => {
          if (row.name !== prompt.name || !('labels' in row)) return row
          const { [label]: _, ...others } = row.labels as unknown as Record<string, Meant>
          return { ...row, labels: (means === undefined ? others : { ...others, [label]: means }) as never }
        }),
      ],
    ],
    back: ({ label, means, before }) => ({ label, means: before, before: means }),
    says: ({ label, means }) =>
      means === undefined
        ? t('prompt_label_dropped', { name: label })
        : t('prompt_label_moved', { name: label, version: shown(means) }),
    about: ({ label }) => `label ${label} of ${prompt.name}`,
    done: (_told, { means }, undoing) => {
      if (undoing || means === undefined) return
      setLabel('')
      setText('')
    },
  })
  const move = (label: string, means: Meant | undefined) =>
    set.mutate({ label, means, before: labels[label] })
  const wanted = target(text)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (wanted && label.trim()) move(label.trim(), wanted)
  }
  return (
    <section className="flex flex-col gap-2">
      <h2 className="font-semibold">{t('prompt_labels')}</h2>
      <ul className="flex flex-col gap-1">
        {Object.entries(labels).map(([name, of]) => (
          <li key={name} className="flex items-center gap-2">
            <code className="rounded bg-raised px-1.5 font-mono text-xs">{name}</code>
            <span className="flex-1">{t('prompt_version', { version: shown(of) })}</span>
            {own && name !== 'latest' ? (
              <IconButton label={t('prompt_label_gone', { name })} onClick={() => move(name, undefined)}>
                <Trash2 className="size-4" aria-hidden />
              </IconButton>
            ) : null}
          </li>
        ))}
      </ul>
      {own ? (
        <form onSubmit={submit} className="flex flex-wrap items-end gap-2">
          <Input label={t('prompt_label')} value={label} onChange={(event) => setLabel(event.target.value)} />
          <Input
            label={t('prompt_means')}
            placeholder="2: 90, 3: 10"
            value={text}
            error={text && !wanted ? t('prompt_means_hint') : undefined}
            onChange={(event) => setText(event.target.value)}
          />
          <Button type="submit" busy={set.isPending} disabled={!wanted || !label.trim()}>
            {t('prompt_label_set')}
          </Button>
        </form>
      ) : null}
    </section>
  )
}
