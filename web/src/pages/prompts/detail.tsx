// One prompt: how its versions fare, what they changed, and which of them a label means.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { Code, Count, Money, Time } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'
import { bodyOf, changes, type Draft, draftOf, linesOf, type Version } from './draft'
import { Editor } from './editor'
import { Labels } from './labels'

interface Fare {
  version: number
  calls: number
  failed: number
  cost_usd: string
  p50_ms: number
  p95_ms: number
}

function Difference({ before, after }: { before: Version | undefined; after: Version }) {
  const { t } = useSpeech()
  const lines = changes(before ? linesOf(before) : [], linesOf(after))
  const looks = { same: 'text-soft', gone: 'text-bad', new: 'text-good' }
  const marks = { same: '  ', gone: '- ', new: '+ ' }
  return (
    <pre
      tabIndex={0}
      title={t('prompt_difference', { version: after.version })}
      className="overflow-x-auto rounded-md bg-raised p-3 font-mono text-xs leading-5 whitespace-pre-wrap"
    >
      {lines.map(({ kind, text }, at) => (
        <span key={at} className={`block ${looks[kind]}`}>
          {marks[kind]}
          {text}
        </span>
      ))}
    </pre>
  )
}

export function Detail({ prompt, close }: { prompt: Schemas['Prompt']; close: () => void }) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const [draft, setDraft] = useState<Draft | null>(null)
  const path = { name: prompt.name }
  const versions = useQuery({
    queryKey: ['prompts', prompt.name, 'versions'],
    queryFn: () =>
      data(
        api.GET('/api/prompt/{name}/versions', { params: { path, query: { page_size: '100' } as never } }),
      ),
  })
  const stats = useQuery({
    queryKey: ['prompts', prompt.name, 'stats'],
    queryFn: async () =>
      (await data(api.GET('/api/prompt/{name}/stats', { params: { path } }))) as unknown as Fare[],
  })
  const add = useMutation({
    mutationFn: (body: Schemas['VersionBody']) =>
      data(api.POST('/api/prompt/{name}/versions', { params: { path }, body: body as never })),
    onSuccess: (made) => {
      queries.invalidateQueries({ queryKey: ['prompts'] })
      say(t(made.created ? 'prompt_version_made' : 'prompt_version_same', { version: made.version }))
      setDraft(null)
    },
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: () => whole(api.DELETE('/api/prompt/{name}', { params: { path } })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['prompts'] })
      close()
    },
    onError: failed,
  })
  const [deleting, setDeleting] = useState(false)
  const own = prompt.owner !== 'file'
  const fares = new Map(stats.data?.map((fare) => [fare.version, fare]))
  const body = draft ? bodyOf(draft) : null
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={prompt.name}
      description={prompt.description}
      side
    >
      <div className="flex flex-col gap-5">
        {own ? null : <p className="text-soft">{t('from_file')}</p>}
        <section className="flex flex-col gap-2">
          <h2 className="font-semibold">{t('prompt_call')}</h2>
          <Code text={`{"prompt": {"id": "${prompt.name}", "variables": {}}, "messages": []}`} />
        </section>
        <Labels prompt={prompt} />
        {draft ? (
          <section className="flex flex-col gap-3">
            <h2 className="font-semibold">{t('prompt_version_new')}</h2>
            <Editor name={prompt.name} draft={draft} change={setDraft} />
            <div className="flex gap-2">
              <Button
                look="main"
                busy={add.isPending}
                disabled={!body}
                onClick={() => body && add.mutate(body)}
              >
                {t('save')}
              </Button>
              <Button onClick={() => setDraft(null)}>{t('cancel')}</Button>
            </div>
          </section>
        ) : null}
        <section className="flex flex-col gap-3">
          <div className="flex items-center justify-between">
            <h2 className="font-semibold">{t('prompt_versions')}</h2>
            {own && !draft && versions.data?.[0] ? (
              <Button onClick={() => versions.data?.[0] && setDraft(draftOf(versions.data[0]))}>
                {t('prompt_version_new')}
              </Button>
            ) : null}
          </div>
          {versions.error ? <Failure error={versions.error} retry={() => versions.refetch()} /> : null}
          {versions.data?.map((version, at) => {
            const fare = fares.get(version.version)
            return (
              <details key={version.version} open={at === 0} className="rounded-md border border-line p-3">
                <summary className="min-h-6">
                  <span className="font-medium">{t('prompt_version', { version: version.version })}</span>{' '}
                  <span className="text-soft">
                    <Time at={version.created_time} />
                  </span>
                </summary>
                <div className="mt-3 flex flex-col gap-2">
                  {fare ? (
                    <p className="flex flex-wrap gap-x-4 text-xs text-soft">
                      <span>
                        {t('prompt_calls')} <Count of={fare.calls} />
                      </span>
                      <span>
                        {t('prompt_failed')} <Count of={fare.failed} />
                      </span>
                      <Money usd={fare.cost_usd} />
                      <span>{t('prompt_latency', { p50: fare.p50_ms, p95: fare.p95_ms })}</span>
                    </p>
                  ) : null}
                  <Difference before={versions.data[at + 1]} after={version} />
                </div>
              </details>
            )
          })}
        </section>
        {own ? (
          <div className="flex flex-wrap items-center gap-2">
            {deleting ? (
              <>
                <p>{t('prompt_delete_hint')}</p>
                <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
                  {t('delete')}
                </Button>
                <Button onClick={() => setDeleting(false)}>{t('cancel')}</Button>
              </>
            ) : (
              <Button look="danger" onClick={() => setDeleting(true)}>
                {t('delete')}
              </Button>
            )}
          </div>
        ) : null}
      </div>
    </Dialog>
  )
}
