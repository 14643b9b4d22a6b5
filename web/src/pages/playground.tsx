// Talking to models as programs do: streamed, side by side, with what it took and cost.
import { useQuery } from '@tanstack/react-query'
import { Plus, Send, Square } from 'lucide-react'
import { type FormEvent, useRef, useState } from 'react'
import { api, whole } from '../api/client'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import { Input, TextArea } from '../ui/field'
import { Card, Code } from '../ui/show'
import { Pane, type Side } from './playground/pane'
import { request, type Settings, talk } from './playground/talk'

const SIDES = 4
const NAME = 'playground'
const HOUR = 3_600

/** A key for this page: one of that name, made anew each time, good for an hour, in memory alone. */
async function ownKey(): Promise<{ key: string; models: string[] }> {
  const found = await whole(api.GET('/api/token/search', { params: { query: { keyword: NAME } as never } }))
  const old = found.data.find((token) => token.name === NAME && token.owner !== 'file')
  const expired_time = Math.floor(Date.now() / 1000) + HOUR
  const made = old
    ? await whole(
        api.POST('/api/token/{id}/rotate', {
          params: { path: { id: old.id } as never },
          body: { overlap_seconds: 0 },
        }),
      )
    : await whole(api.POST('/api/token', { body: { name: NAME, unlimited_quota: true, expired_time } }))
  if (old) await whole(api.PUT('/api/token', { body: { id: old.id, expired_time, status: 1 } }))
  const { key } = made.data
  const answer = await fetch('/v1/models', { headers: { authorization: `Bearer ${key}` } })
  const told = (await answer.json()) as { data?: { id: string }[]; error?: { message?: string } }
  if (!answer.ok) throw new Error(told.error?.message ?? answer.statusText)
  return { key, models: (told.data ?? []).map((model) => model.id).sort() }
}

export function Playground() {
  const { t } = useSpeech()
  const opened = useQuery({
    queryKey: ['playground-key'],
    queryFn: ownKey,
    staleTime: HOUR * 1000,
    gcTime: 0,
    retry: false,
  })
  const [sides, setSides] = useState<Side[]>([])
  const [settings, setSettings] = useState<Settings>({ system: '', temperature: '', maxTokens: '' })
  const [text, setText] = useState('')
  const [code, setCode] = useState(false)
  const running = useRef<AbortController | null>(null)
  const next = useRef(1)
  const models = opened.data?.models ?? []
  const fresh = (model: string): Side => ({
    id: next.current++,
    model,
    turns: [],
    busy: false,
    error: '',
    spent: null,
  })
  const shown = sides.length > 0 ? sides : models[0] ? [{ ...fresh(models[0]), id: 0 }] : []
  const busy = shown.some((side) => side.busy)

  const send = async (event: FormEvent) => {
    event.preventDefault()
    const key = opened.data?.key
    if (!key || busy || !text.trim()) return
    const asked = shown.map((side) => ({
      ...side,
      turns: [...side.turns, { role: 'user' as const, content: text }],
      busy: true,
      error: '',
      spent: null,
    }))
    const change = (id: number, how: (side: Side) => Side) =>
      setSides((all) => all.map((side) => (side.id === id ? how(side) : side)))
    setSides(asked)
    setText('')
    const abort = new AbortController()
    running.current = abort
    await Promise.all(
      asked.map(async (side) => {
        const say = (piece: string) =>
          change(side.id, (now) => {
            const last = now.turns.at(-1)
            const content = last?.role === 'assistant' ? last.content + piece : piece
            const before = last?.role === 'assistant' ? now.turns.slice(0, -1) : now.turns
            return { ...now, turns: [...before, { role: 'assistant', content }] }
          })
        try {
          const spent = await talk(key, request(side.model, settings, side.turns), say, abort.signal)
          change(side.id, (now) => ({ ...now, busy: false, spent }))
        } catch (error) {
          const stopped = abort.signal.aborted
          const why = stopped ? t('play_stopped') : error instanceof Error ? error.message : String(error)
          change(side.id, (now) => ({ ...now, busy: false, error: why }))
        }
      }),
    )
  }
  const setting = (name: keyof Settings) => (event: { target: { value: string } }) =>
    setSettings((before) => ({ ...before, [name]: event.target.value }))
  const example = shown[0]
    ? request(shown[0].model, settings, [{ role: 'user', content: text || 'Say hello.' }])
    : null
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('playground')}</h1>
        <div className="flex gap-2">
          <Button onClick={() => setCode(!code)} aria-expanded={code}>
            {t('play_code')}
          </Button>
          <Button
            icon={<Plus className="size-4" aria-hidden />}
            disabled={busy || models.length === 0 || shown.length >= SIDES}
            onClick={() => setSides([...shown, fresh(models[shown.length % models.length] ?? '')])}
          >
            {t('play_compare')}
          </Button>
        </div>
      </div>
      <p className="text-soft">{t('play_says')}</p>
      {opened.error ? <Failure error={opened.error} retry={() => opened.refetch()} /> : null}
      {opened.data && models.length === 0 ? <p>{t('play_none')}</p> : null}
      {code && example ? (
        <Card>
          <Code
            text={`curl ${location.origin}/v1/chat/completions \\\n  -H "Authorization: Bearer $MAGIC_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(example, null, 2).replaceAll("'", "'\\''")}'`}
          />
        </Card>
      ) : null}
      <details className="rounded-lg border border-line bg-card p-3">
        <summary className="min-h-6 font-medium">{t('play_settings')}</summary>
        <div className="mt-3 grid gap-3 md:grid-cols-[1fr_8rem_8rem]">
          <TextArea label={t('play_system')} rows={2} value={settings.system} onChange={setting('system')} />
          <Input
            label={t('play_temperature')}
            type="number"
            min={0}
            max={2}
            step={0.1}
            value={settings.temperature}
            onChange={setting('temperature')}
          />
          <Input
            label={t('play_max')}
            type="number"
            min={1}
            value={settings.maxTokens}
            onChange={setting('maxTokens')}
          />
        </div>
      </details>
      <div className="flex flex-1 flex-wrap gap-3">
        {shown.map((side, at) => (
          <Pane
            key={side.id}
            side={side}
            number={at + 1}
            models={models}
            choose={(model) => setSides(shown.map((one) => (one.id === side.id ? { ...one, model } : one)))}
            remove={
              shown.length > 1 && !busy ? () => setSides(shown.filter((_, place) => place !== at)) : undefined
            }
          />
        ))}
      </div>
      <form onSubmit={send} className="flex items-end gap-2">
        <div className="flex-1">
          <TextArea
            hidden
            label={t('play_message')}
            placeholder={t('play_message')}
            rows={2}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) send(event)
            }}
          />
        </div>
        {busy ? (
          <Button onClick={() => running.current?.abort()} icon={<Square className="size-4" aria-hidden />}>
            {t('play_stop')}
          </Button>
        ) : (
          <Button
            type="submit"
            look="main"
            disabled={!text.trim() || shown.length === 0}
            icon={<Send className="size-4" aria-hidden />}
          >
            {t('play_send')}
          </Button>
        )}
      </form>
    </>
  )
}
