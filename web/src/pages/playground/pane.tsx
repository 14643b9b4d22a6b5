// One model's side of the conversation.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button, IconButton } from '../../ui/button'
import { Select, TextArea } from '../../ui/field'
import { Count, Money } from '../../ui/show'
import type { Spent, ToolCall, Turn } from './talk'

export interface Side {
  id: number
  model: string
  turns: Turn[]
  busy: boolean
  error: string
  spent: Spent | null
}

/** The bill is in the log a moment after the last byte. */
function Cost({ requestId }: { requestId: string }) {
  const { t } = useSpeech()
  const bill = useQuery({
    queryKey: ['explain', requestId, 'cost'],
    queryFn: () => data(api.GET('/api/log/explain/{id}', { params: { path: { id: requestId } as never } })),
    retry: 10,
    retryDelay: 500,
  })
  if (!bill.data) return <span className="text-soft">{t('play_counting')}</span>
  return <Money usd={bill.data.bill.cost_usd} />
}

/** The tools that a model has asked for and has no result of. */
export function openCalls(turns: Turn[]): ToolCall[] {
  const answered = new Set(turns.map((turn) => turn.call))
  return turns.flatMap((turn) => turn.calls ?? []).filter((call) => !answered.has(call.id))
}

/** One of these, and where its result is given. */
function Wanted({ call, answer }: { call: ToolCall; answer: (content: string) => void }) {
  const { t } = useSpeech()
  const [text, setText] = useState('')
  return (
    <form
      className="flex flex-col gap-2 rounded-md border border-line p-3"
      onSubmit={(event) => {
        event.preventDefault()
        answer(text)
      }}
    >
      <TextArea
        label={t('play_result', { name: call.name })}
        rows={2}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="flex justify-end">
        <Button type="submit">{t('play_give')}</Button>
      </div>
    </form>
  )
}

function Said({ turn }: { turn: Turn }) {
  const { t } = useSpeech()
  const mine = turn.role === 'user'
  return (
    <div
      className={`flex flex-col gap-2 whitespace-pre-wrap break-words ${mine ? 'self-end rounded-md bg-raised px-3 py-2' : ''}`}
    >
      {turn.pictures?.map((url, at) => (
        <img key={at} src={url} alt={t('play_picture', { number: at + 1 })} className="max-h-40 rounded" />
      ))}
      {turn.call ? (
        <p className="rounded-md bg-raised px-3 py-2 font-mono text-xs">
          {t('play_told')} {turn.content}
        </p>
      ) : (
        turn.content
      )}
      {turn.calls?.map((call) => (
        <p key={call.id} className="rounded-md border border-line px-3 py-2 font-mono text-xs break-all">
          {call.name}({call.arguments})
        </p>
      ))}
    </div>
  )
}

interface Props {
  side: Side
  number: number
  models: string[]
  choose: (model: string) => void
  answer: (call: string, content: string) => void
  remove: (() => void) | undefined
}

export function Pane({ side, number, models, choose, answer, remove }: Props) {
  const { t } = useSpeech()
  const { spent } = side
  const speed =
    spent && spent.whole > spent.first ? (spent.completionTokens * 1000) / (spent.whole - spent.first) : 0
  return (
    <section
      aria-label={t('play_side', { number, model: side.model })}
      className="flex min-w-0 flex-1 basis-80 flex-col rounded-lg border border-line bg-card"
    >
      <div className="flex items-center gap-2 border-b border-line p-2">
        <div className="min-w-0 flex-1">
          <Select
            hidden
            label={t('play_model')}
            value={side.model}
            onChange={(event) => choose(event.target.value)}
          >
            {models.map((model) => (
              <option key={model}>{model}</option>
            ))}
          </Select>
        </div>
        {remove ? (
          <IconButton label={t('play_remove')} onClick={remove}>
            <X className="size-4" aria-hidden />
          </IconButton>
        ) : null}
      </div>
      <div className="flex min-h-40 flex-1 flex-col gap-3 p-3" aria-live="polite" aria-busy={side.busy}>
        {side.turns.map((turn, at) => (
          <Said key={at} turn={turn} />
        ))}
        {side.busy
          ? null
          : openCalls(side.turns).map((call) => (
              <Wanted key={call.id} call={call} answer={(content) => answer(call.id, content)} />
            ))}
        {side.error ? (
          <p role="alert" className="text-bad">
            {side.error}
          </p>
        ) : null}
      </div>
      {spent ? (
        <p className="flex flex-wrap gap-x-4 gap-y-1 border-t border-line px-3 py-2 text-xs text-soft">
          <span>{t('play_first', { ms: Math.round(spent.first) })}</span>
          <span>{t('play_speed', { speed: Math.round(speed) })}</span>
          <span>
            <Count of={spent.promptTokens} /> + <Count of={spent.completionTokens} /> {t('play_tokens')}
          </span>
          <span>
            <Cost requestId={spent.requestId} />
          </span>
          <Link
            to="/logs"
            search={{ request: spent.requestId.replaceAll('-', '') } as never}
            className="text-accent underline"
          >
            {t('play_log')}
          </Link>
        </p>
      ) : null}
    </section>
  )
}
