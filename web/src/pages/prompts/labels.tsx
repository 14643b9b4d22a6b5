// Labels of a prompt: a version each, or shares of calls for several (a canary).
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Trash2 } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button, IconButton } from '../../ui/button'
import { Input } from '../../ui/field'
import { useFailed } from '../../ui/toast'

type Target = Schemas['LabelTarget']

/** `3`, or `2: 90, 3: 10` with the percent of each. */
export function target(text: string): Target | null {
  if (/^\d+$/.test(text.trim())) return { version: Number(text), split: null }
  const split = text.split(',').map((part) => /^\s*(\d+)\s*:\s*(\d+)\s*%?\s*$/.exec(part))
  if (split.some((part) => part === null)) return null
  return {
    version: null,
    split: split.map((part) => ({ version: Number(part?.[1]), percent: Number(part?.[2]) })),
  }
}

/** A label as a prompt has it: a version, or several with their shares. */
export type Meant = number | { version: number; percent: number }[]

export const shown = (meant: Meant) =>
  typeof meant === 'number'
    ? String(meant)
    : meant.map(({ version, percent }) => `${version}: ${percent} %`).join(', ')

export function Labels({ prompt }: { prompt: Schemas['Prompt'] }) {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const [label, setLabel] = useState('')
  const [text, setText] = useState('')
  const own = prompt.owner !== 'file'
  const refresh = () => queries.invalidateQueries({ queryKey: ['prompts'] })
  const set = useMutation({
    mutationFn: (body: Target) =>
      whole(
        api.PUT('/api/prompt/{name}/labels/{label}', {
          params: { path: { name: prompt.name, label: label.trim() } },
          body,
        }),
      ),
    onSuccess: () => {
      setLabel('')
      setText('')
      refresh()
    },
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: (label: string) =>
      whole(
        api.DELETE('/api/prompt/{name}/labels/{label}', { params: { path: { name: prompt.name, label } } }),
      ),
    onSuccess: refresh,
    onError: failed,
  })
  const wanted = target(text)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (wanted && label.trim()) set.mutate(wanted)
  }
  return (
    <section className="flex flex-col gap-2">
      <h2 className="font-semibold">{t('prompt_labels')}</h2>
      <ul className="flex flex-col gap-1">
        {Object.entries(prompt.labels as unknown as Record<string, Meant>).map(([name, of]) => (
          <li key={name} className="flex items-center gap-2">
            <code className="rounded bg-raised px-1.5 font-mono text-xs">{name}</code>
            <span className="flex-1">{t('prompt_version', { version: shown(of) })}</span>
            {own && name !== 'latest' ? (
              <IconButton label={t('prompt_label_gone', { name })} onClick={() => remove.mutate(name)}>
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
