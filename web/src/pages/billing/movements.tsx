// What moved the balance beside calls: rows of the own log.
import { useQuery } from '@tanstack/react-query'
import { Wallet } from 'lucide-react'
import { api, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Select } from '../../ui/field'
import { Empty, Money, Time } from '../../ui/show'
import { type Column, Pages, Table } from '../../ui/table'

type Log = Schemas['Log']
const PAGE = 20
const KINDS = ['1', '3', '4'] as const

interface Props {
  kind: string | undefined
  /** The last rows of the pages before this one, joined by dots. */
  seen: string | undefined
  go: (change: { kind?: string | undefined; seen?: string | undefined }) => void
}

export function Movements({ kind, seen, go }: Props) {
  const { t } = useSpeech()
  const type = KINDS.find((one) => one === kind) ?? '1'
  const trail = seen?.split('.').filter(Boolean) ?? []
  const logs = useQuery({
    queryKey: ['movements', type, seen],
    queryFn: () => {
      const query = { type, page_size: String(PAGE), ...(trail.length ? { cursor: trail.at(-1) } : {}) }
      return whole(api.GET('/api/log/self', { params: { query: query as never } }))
    },
    placeholderData: (before) => before,
  })
  const rows = logs.data?.data
  const columns: Column<Log>[] = [
    { key: 'time', head: t('billing_time'), show: (log) => <Time at={log.created_at} /> },
    {
      key: 'text',
      head: t('billing_text'),
      show: (log) => <span className="break-words">{log.content}</span>,
    },
    {
      key: 'amount',
      head: t('billing_amount'),
      right: true,
      show: (log) => (Number(log.cost_usd) === 0 ? '–' : <Money usd={log.cost_usd} />),
    },
  ]
  const turn = (page: number) => {
    const last = rows?.at(-1)
    const next = page > trail.length && last ? [...trail, last.id] : trail.slice(0, page)
    go({ seen: next.join('.') || undefined })
  }
  return (
    <section className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="font-semibold">{t('billing_movements')}</h2>
        <Select
          hidden
          label={t('billing_kind')}
          value={type}
          onChange={(event) => go({ kind: event.target.value, seen: undefined })}
        >
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {t(`billing_kind_${one}`)}
            </option>
          ))}
        </Select>
      </div>
      <Table
        caption={t('billing_movements')}
        columns={columns}
        rows={rows}
        id={(log) => log.id}
        error={rows ? undefined : logs.error}
        retry={() => logs.refetch()}
        empty={
          <Empty icon={<Wallet className="size-6" aria-hidden />} title={t('billing_movements_empty')} />
        }
      />
      <Pages page={trail.length} more={rows?.length === PAGE} go={turn} />
    </section>
  )
}
