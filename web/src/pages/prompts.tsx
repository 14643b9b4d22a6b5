// Prompts: names for messages in numbered versions, which programs call.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Download, FileText, Plus } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, data, type Schemas, whole } from '../api/client'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Input } from '../ui/field'
import { ListHead } from '../ui/head'
import { Empty, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed } from '../ui/toast'
import { Detail } from './prompts/detail'
import { bodyOf, type Draft, EMPTY } from './prompts/draft'
import { Editor } from './prompts/editor'

type Prompt = Schemas['Prompt']
const PAGE = 20

function Making({ close, made }: { close: () => void; made: (name: string) => void }) {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [draft, setDraft] = useState<Draft>(EMPTY)
  const body = bodyOf(draft)
  const fits = /^[a-z0-9._-]{1,64}$/.test(name)
  const create = useMutation({
    mutationFn: () => data(api.POST('/api/prompt', { body: { name, description, ...body } as never })),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['prompts'] })
      made(name)
    },
    onError: failed,
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (fits && body) create.mutate()
  }
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('prompt_new')} side>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Input
          label={t('name')}
          hint={t('prompt_name_hint')}
          autoFocus
          value={name}
          error={name && !fits ? t('prompt_name_hint') : undefined}
          onChange={(event) => setName(event.target.value)}
        />
        <Input
          label={t('prompt_description')}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <Editor draft={draft} change={setDraft} />
        <Button type="submit" look="main" busy={create.isPending} disabled={!fits || !body}>
          {t('create')}
        </Button>
      </form>
    </Dialog>
  )
}

export function Prompts() {
  const { t } = useSpeech()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { new?: string; p?: string; q?: string; prompt?: string }
  const page = Number(search.p ?? 0) || 0
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/prompts', search: { ...search, ...change } as never, replace: true })
  const prompts = useQuery({
    queryKey: ['prompts', page, search.q],
    queryFn: () =>
      whole(
        api.GET('/api/prompt', {
          params: { query: { p: String(page), page_size: String(PAGE), keyword: search.q ?? '' } as never },
        }),
      ),
    placeholderData: (before) => before,
  })
  const rows = prompts.data?.data
  const open = rows?.find((prompt) => prompt.name === search.prompt)
  const columns: Column<Prompt>[] = [
    { key: 'name', head: t('name'), show: (prompt) => prompt.name },
    { key: 'description', head: t('prompt_description'), show: (prompt) => prompt.description || '–' },
    { key: 'newest', head: t('prompt_newest'), right: true, show: (prompt) => prompt.newest },
    {
      key: 'labels',
      head: t('prompt_labels'),
      show: (prompt) =>
        Object.keys(prompt.labels)
          .filter((label) => label !== 'latest')
          .join(', ') || '–',
    },
    {
      key: 'updated',
      head: t('prompt_updated'),
      wide: true,
      show: (prompt) => <Time at={prompt.updated_time} />,
    },
  ]
  return (
    <>
      <ListHead
        title={t('prompts')}
        search={{ label: t('prompt_search'), value: search.q, change: (q) => go({ q: q, p: undefined }) }}
      >
        <a
          href="/api/prompt/export"
          download="prompts.json"
          className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-line bg-card px-3 font-medium max-md:min-h-11 hover:bg-raised"
        >
          <Download className="size-4" aria-hidden />
          {t('prompt_export')}
        </a>
        <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
          {t('prompt_new')}
        </Button>
      </ListHead>
      <Table
        caption={t('prompts')}
        current={search.prompt}
        columns={columns}
        rows={rows}
        id={(prompt) => prompt.name}
        error={prompts.error}
        retry={() => prompts.refetch()}
        open={(prompt) => go({ prompt: prompt.name })}
        empty={
          <Empty
            icon={<FileText className="size-6" aria-hidden />}
            title={search.q ? t('nothing_found') : t('prompts_empty')}
          />
        }
      />
      <Pages page={page} more={rows?.length === PAGE} go={(p) => go({ p: String(p) })} />
      {search.new ? (
        <Making close={() => go({ new: undefined })} made={(name) => go({ new: undefined, prompt: name })} />
      ) : null}
      {open ? <Detail prompt={open} close={() => go({ prompt: undefined })} /> : null}
    </>
  )
}
