// Writing a version: messages, a model, parameters, variables; and what it would say.
import { useMutation } from '@tanstack/react-query'
import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button, IconButton } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input, Select, TextArea } from '../../ui/field'
import { bodyOf, type Draft, object } from './draft'

interface Props {
  /** Of a prompt that is there already: its drafts can be tried. */
  name?: string
  draft: Draft
  change: (draft: Draft) => void
}

export function Editor({ name, draft, change }: Props) {
  const { t } = useSpeech()
  const [values, setValues] = useState('')
  const set = (part: Partial<Draft>) => change({ ...draft, ...part })
  const body = bodyOf(draft)
  const render = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/prompt/{name}/render', {
          params: { path: { name: name ?? '' } },
          body: { draft: body, variables: object(values) ?? {} } as never,
        }),
      ),
  })
  const wrong = (text: string) => (object(text) === undefined ? t('prompt_no_json') : undefined)
  return (
    <div className="flex flex-col gap-4">
      {draft.messages.map((message, at) => {
        const write = (part: Partial<typeof message>) =>
          set({ messages: draft.messages.map((one, place) => (place === at ? { ...one, ...part } : one)) })
        return (
          <fieldset key={at} className="flex flex-col gap-2 rounded-md border border-line p-3">
            <legend className="px-1 text-soft">{t('prompt_message', { number: at + 1 })}</legend>
            <div className="flex items-end gap-2">
              <div className="flex-1">
                <Select
                  label={t('prompt_role')}
                  value={message.role}
                  onChange={(event) => write({ role: event.target.value })}
                >
                  {['system', 'developer', 'user', 'assistant'].map((role) => (
                    <option key={role}>{role}</option>
                  ))}
                </Select>
              </div>
              <IconButton
                label={t('prompt_message_gone', { number: at + 1 })}
                disabled={draft.messages.length === 1}
                onClick={() => set({ messages: draft.messages.filter((_, place) => place !== at) })}
              >
                <Trash2 className="size-4" aria-hidden />
              </IconButton>
            </div>
            <TextArea
              label={t('prompt_text')}
              hint={t('prompt_text_hint')}
              rows={5}
              className="font-mono text-xs"
              value={message.content}
              onChange={(event) => write({ content: event.target.value })}
            />
          </fieldset>
        )
      })}
      <div>
        <Button
          icon={<Plus className="size-4" aria-hidden />}
          onClick={() => set({ messages: [...draft.messages, { role: 'user', content: '' }] })}
        >
          {t('prompt_message_more')}
        </Button>
      </div>
      <Input
        label={t('prompt_model')}
        hint={t('prompt_model_hint')}
        value={draft.model}
        onChange={(event) => set({ model: event.target.value })}
      />
      <TextArea
        label={t('prompt_variables')}
        hint={t('prompt_variables_hint')}
        error={wrong(draft.variables)}
        rows={4}
        className="font-mono text-xs"
        value={draft.variables}
        onChange={(event) => set({ variables: event.target.value })}
      />
      <TextArea
        label={t('prompt_parameters')}
        hint={t('prompt_parameters_hint')}
        error={wrong(draft.parameters)}
        rows={2}
        className="font-mono text-xs"
        value={draft.parameters}
        onChange={(event) => set({ parameters: event.target.value })}
      />
      {name ? (
        <details className="rounded-md border border-line p-3">
          <summary className="min-h-6 font-medium">{t('prompt_try')}</summary>
          <div className="mt-3 flex flex-col gap-3">
            <TextArea
              label={t('prompt_values')}
              rows={3}
              className="font-mono text-xs"
              placeholder='{"name": "Ada"}'
              error={wrong(values)}
              value={values}
              onChange={(event) => setValues(event.target.value)}
            />
            <div>
              <Button
                busy={render.isPending}
                disabled={!body || object(values) === undefined}
                onClick={() => render.mutate()}
              >
                {t('prompt_render')}
              </Button>
            </div>
            <div role="status" className="flex flex-col gap-2">
              {render.error ? <p className="text-bad">{explained(render.error, t)}</p> : null}
              {render.data?.messages.map((message, at) => (
                <div key={at} className="rounded-md bg-raised p-2 whitespace-pre-wrap">
                  <span className="text-xs text-soft">{message.role}</span>
                  <br />
                  {message.content}
                </div>
              ))}
            </div>
          </div>
        </details>
      ) : null}
    </div>
  )
}
