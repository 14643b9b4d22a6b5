// Every movement of money, of everybody. What is looked at stands in the address.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { BookCheck } from 'lucide-react'
import { type InputHTMLAttributes, useEffect, useRef, useState } from 'react'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Input, Select } from '../../ui/field'
import { Empty, Money, State, Time } from '../../ui/show'
import { type Column, Pages, Table } from '../../ui/table'
import { isCall, KINDS, kindOf, type Movement } from './words'

const PAGE = 50

export interface Search {
  tab?: string
  user?: string
  kind?: string
  request?: string
  /** The last rows of the pages before this one, joined by dots. */
  seen?: string
}

export type Go = (change: Partial<Record<keyof Search, string | undefined>>, replace?: boolean) => void

/** A filter that is typed: asked for when its writer pauses, and changed with the address by others. */
function Typed({ label, value, send, ...rest }: TypedProps & InputHTMLAttributes<HTMLInputElement>) {
  const [text, setText] = useState(value ?? '')
  const sent = useRef(value)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    if (value === sent.current) return
    sent.current = value
    setText(value ?? '')
  }, [value])
  return (
    <Input
      label={label}
      {...rest}
      value={text}
      onChange={(event) => {
        const next = event.target.value
        setText(next)
        clearTimeout(timer.current)
        timer.current = setTimeout(() => {
          sent.current = next.trim() || undefined
          send(sent.current)
        }, 300)
      }}
    />
  )
}

interface TypedProps {
  label: string
  value: string | undefined
  send: (value: string | undefined) => void
}

function Filters({ search, go }: { search: Search; go: Go }) {
  const { t } = useSpeech()
  const any = search.user || search.kind || search.request
  return (
    <search className="grid items-end gap-3 rounded-lg border border-line bg-card p-3 sm:grid-cols-2 xl:grid-cols-4">
      <Typed
        label={t('ledger_user_id')}
        inputMode="numeric"
        value={search.user}
        send={(user) => go({ user, seen: undefined })}
      />
      <Select
        label={t('ledger_kind')}
        value={kindOf(search.kind) ?? ''}
        onChange={(event) => go({ kind: event.target.value || undefined, seen: undefined })}
      >
        <option value="">{t('log_all_kinds')}</option>
        {KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {t(`ledger_kind_${kind}`)}
          </option>
        ))}
      </Select>
      <Typed
        type="search"
        label={t('ledger_request')}
        value={search.request}
        send={(request) => go({ request, seen: undefined })}
      />
      {any ? (
        <div>
          <Button
            onClick={() => go({ user: undefined, kind: undefined, request: undefined, seen: undefined })}
          >
            {t('log_clear')}
          </Button>
        </div>
      ) : null}
    </search>
  )
}

function useColumns(go: Go): Column<Movement>[] {
  const { t } = useSpeech()
  return [
    { key: 'time', head: t('log_time'), show: (row) => <Time at={Math.floor(row.at_ms / 1000)} /> },
    {
      key: 'kind',
      head: t('ledger_kind'),
      show: (row) => {
        const kind = kindOf(row.kind)
        const mood = row.kind === 'overrun' ? 'warn' : isCall(row.kind) ? 'none' : 'good'
        return <State mood={mood}>{kind ? t(`ledger_kind_${kind}`) : row.kind}</State>
      },
    },
    {
      key: 'user',
      head: t('ledger_user'),
      show: (row) =>
        row.user_id ? (
          <button
            type="button"
            className="min-h-6 rounded text-left underline decoration-line underline-offset-4 hover:decoration-ink"
            onClick={() => go({ user: String(row.user_id), seen: undefined })}
          >
            {row.username || '–'} <span className="text-soft">#{row.user_id}</span>
          </button>
        ) : (
          '–'
        ),
    },
    { key: 'amount', head: t('ledger_amount'), right: true, show: (row) => <Money usd={row.amount_usd} /> },
    {
      key: 'against',
      head: t('ledger_against'),
      wide: true,
      show: (row) => <code className="font-mono text-xs">{row.against || '–'}</code>,
    },
    {
      key: 'note',
      head: t('ledger_note'),
      show: (row) =>
        isCall(row.kind) ? (
          <Link
            to="/logs"
            search={{ request: row.request_id }}
            className="font-mono text-xs break-all underline decoration-line underline-offset-4 hover:decoration-ink"
          >
            {row.request_id}
          </Link>
        ) : (
          <span className="break-words">{row.note || '–'}</span>
        ),
    },
  ]
}

export function Movements({ search, go }: { search: Search; go: Go }) {
  const { t } = useSpeech()
  const seen = search.seen?.split('.').filter(Boolean) ?? []
  const columns = useColumns(go)
  const kind = kindOf(search.kind)
  const query = {
    ...(search.user ? { user_id: search.user } : {}),
    ...(kind ? { kind } : {}),
    ...(search.request ? { request_id: search.request } : {}),
    ...(seen.length ? { cursor: seen.at(-1) } : {}),
    page_size: String(PAGE),
  }
  const ledger = useQuery({
    queryKey: ['ledger', query],
    queryFn: () => whole(api.GET('/api/ledger', { params: { query: query as never } })),
    placeholderData: (before) => before,
  })
  const rows = ledger.data?.data
  const turn = (page: number) => {
    const last = rows?.at(-1)
    const next = page > seen.length && last ? [...seen, last.id] : seen.slice(0, page)
    go({ seen: next.join('.') || undefined }, false)
  }
  const chosen = search.user || kind || search.request || seen.length
  return (
    <>
      <Filters search={search} go={go} />
      <Table
        caption={t('ledger_movements')}
        columns={columns}
        rows={rows}
        id={(row) => row.id}
        error={rows ? undefined : ledger.error}
        retry={() => ledger.refetch()}
        empty={
          <Empty
            icon={<BookCheck className="size-6" aria-hidden />}
            title={t(chosen ? 'ledger_empty_filtered' : 'ledger_empty')}
          />
        }
      />
      <Pages page={seen.length} more={rows?.length === PAGE} go={turn} />
    </>
  )
}
