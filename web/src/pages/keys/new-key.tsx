// A key that was just made: shown once, tried, and written into what programs need.
import { useMutation } from '@tanstack/react-query'
import { Tabs } from 'radix-ui'
import { useState } from 'react'
import type { Schemas } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { Code, CopyButton } from '../../ui/show'
import { modelToTry } from '../channels/vendors'
import { SNIPPETS } from './snippets'

interface Refusal {
  error?: { message?: string }
}

/** The models that the key may call. */
async function models(key: string): Promise<string[]> {
  const answer = await fetch('/v1/models', { headers: { authorization: `Bearer ${key}` } })
  const told = (await answer.json()) as { data?: { id: string }[] } & Refusal
  if (!answer.ok) throw new Error(told.error?.message ?? answer.statusText)
  return told.data?.map((model) => model.id) ?? []
}

/** `model`: one that is known to answer. */
export function KeyInUse({ token, model }: { token: Schemas['Token']; model?: string | undefined }) {
  const { t } = useSpeech()
  const [snippet, setSnippet] = useState('curl')
  const { key } = token
  const test = useMutation({
    mutationFn: async () => {
      const first = model ?? modelToTry(await models(key))
      if (!first) throw new Error(t('no_model'))
      const answer = await fetch('/v1/chat/completions', {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: first,
          max_tokens: 16,
          messages: [{ role: 'user', content: 'Say hello.' }],
        }),
      })
      if (!answer.ok) throw new Error(((await answer.json()) as Refusal).error?.message ?? answer.statusText)
      return first
    },
  })
  const text = SNIPPETS[snippet]?.(location.origin, key, test.data ?? model ?? 'gpt-4o-mini') ?? ''
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-2">
        <code className="rounded bg-raised px-2 py-1 font-mono text-xs break-all" data-testid="key">
          {key}
        </code>
        <CopyButton text={key} />
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button onClick={() => test.mutate()} busy={test.isPending}>
          {t('test_key')}
        </Button>
        <p role="status" className={test.error ? 'text-bad' : 'text-good'}>
          {test.data ? t('key_works') : null}
          {test.error ? t('key_fails', { why: test.error.message }) : null}
        </p>
      </div>
      <Tabs.Root value={snippet} onValueChange={setSnippet} className="flex flex-col gap-2">
        <Tabs.List aria-label={t('snippet')} className="flex flex-wrap gap-1">
          {Object.keys(SNIPPETS).map((name) => (
            <Tabs.Trigger
              key={name}
              value={name}
              className="min-h-8 rounded-md border border-transparent px-2.5 data-[state=active]:border-line data-[state=active]:bg-raised data-[state=active]:font-semibold"
            >
              {name}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        <Tabs.Content value={snippet} className="flex flex-col gap-3">
          <Code text={text} />
          <div>
            <CopyButton text={text} label={t('copy')} />
          </div>
        </Tabs.Content>
      </Tabs.Root>
    </div>
  )
}

export function NewKey({ token, close }: { token: Schemas['Token']; close: () => void }) {
  const { t } = useSpeech()
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t('key_made')}
      description={t('key_once')}
      side
    >
      <KeyInUse token={token} />
    </Dialog>
  )
}
