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
import { openCalls, Pane, type Side } from './playground/pane'
import { Pictures } from './playground/pictures'
import { request, type Settings, type Turn, talk, toolsOf } from './playground/talk'

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
  const [settings, setSettings] = useState<Settings>({
    system: '',
    temperature: '',
    maxTokens: '',
    tools: '',
  })
  const [pictures, setPictures] = useState<string[]>([])
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

  const faulty = toolsOf(settings.tools) === null
  // A model that waits for a tool's result can be told nothing else.
  const waits = shown.some((side) => openCalls(side.turns).length > 0)

  /** Lets the models of these sides go on; the others stay. */
  const run = async (asked: Side[]) => {
    const key = opened.data?.key
    if (!key) return
    const change = (id: number, how: (side: Side) => Side) =>
      setSides((all) => all.map((side) => (side.id === id ? how(side) : side)))
    const going = asked.map((side) => ({ ...side, busy: true, error: '', spent: null }))
    setSides(shown.map((side) => going.find((one) => one.id === side.id) ?? side))
    const abort = new AbortController()
    running.current = abort
    await Promise.all(
      going.map(async (side) => {
        const say = (piece: string) =>
          change(side.id, (now) => {
            const last = now.turns.at(-1)
            const content = last?.role === 'assistant' ? last.content + piece : piece
            const before = last?.role === 'assistant' ? now.turns.slice(0, -1) : now.turns
            return { ...now, turns: [...before, { role: 'assistant', content }] }
          })
        try {
          const asking = request(side.model, settings, side.turns)
          const { spent, calls } = await talk(key, asking, say, abort.signal)
          if (calls.length > 0) {
            say('')
            change(side.id, (now) => {
              const last = now.turns.at(-1)
              return last ? { ...now, turns: [...now.turns.slice(0, -1), { ...last, calls }] } : now
            })
          }
          change(side.id, (now) => ({ ...now, busy: false, spent }))
        } catch (error) {
          const stopped = abort.signal.aborted
          const why = stopped ? t('play_stopped') : error instanceof Error ? error.message : String(error)
          change(side.id, (now) => ({ ...now, busy: false, error: why }))
        }
      }),
    )
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (busy || waits || faulty || !(text.trim() || pictures.length > 0)) return
    const turn: Turn = { role: 'user', content: text, ...(pictures.length > 0 ? { pictures } : {}) }
    setText('')
    setPictures([])
    void run(shown.map((side) => ({ ...side, turns: [...side.turns, turn] })))
  }
  /** A tool's result; when all are there, the model goes on. */
  const answer = (side: Side, call: string, content: string) => {
    const told = { ...side, turns: [...side.turns, { role: 'tool' as const, content, call }] }
    if (openCalls(told.turns).length === 0) void run([told])
    else setSides(shown.map((one) => (one.id === side.id ? told : one)))
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
        <div className="flex flex-wrap gap-2">
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
          <div className="md:col-span-3">
            <TextArea
              label={t('play_tools')}
              hint={t('play_tools_hint')}
              error={faulty ? t('play_tools_wrong') : undefined}
              rows={4}
              className="font-mono"
              spellCheck={false}
              value={settings.tools}
              onChange={setting('tools')}
            />
          </div>
        </div>
      </details>
      <div className="flex flex-1 flex-wrap gap-3">
        {shown.map((side, at) => (
          <Pane
            key={side.id}
            side={side}
            number={at + 1}
            models={models}
            answer={(call, content) => answer(side, call, content)}
            choose={(model) => setSides(shown.map((one) => (one.id === side.id ? { ...one, model } : one)))}
            remove={
              shown.length > 1 && !busy ? () => setSides(shown.filter((_, place) => place !== at)) : undefined
            }
          />
        ))}
      </div>
      <Pictures pictures={pictures} change={setPictures} />
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
            disabled={!(text.trim() || pictures.length > 0) || shown.length === 0 || waits || faulty}
            icon={<Send className="size-4" aria-hidden />}
          >
            {t('play_send')}
          </Button>
        )}
      </form>
    </>
  )
}
