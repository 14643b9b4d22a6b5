// What is wrong now, or would be soon, the worst first, each with what can be done about it.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { BellOff, CircleCheck, TriangleAlert } from 'lucide-react'
import { api, data, type Schemas } from '../api/client'
import { type Key, known, useSpeech } from '../i18n'
import { every } from '../lib/live'
import { Empty, State } from '../ui/show'
import { type Column, Table } from '../ui/table'

type Alert = Schemas['Alert']

export const alerts = queryOptions({
  queryKey: ['alerts'],
  queryFn: () => data(api.GET('/api/alerts')),
  refetchInterval: every(15_000),
})

const MOODS = { bad: 'bad', warn: 'warn', hint: 'none' } as const
const moodOf = (alert: Alert) => MOODS[alert.severity as keyof typeof MOODS] ?? 'none'

/** Where something can be done about it. */
function remedy(alert: Alert): { to: string; search: Record<string, string>; name: Key } | undefined {
  switch (alert.kind) {
    // The reason says what is missing: a name that leads here, a port that is open.
    case 'certificate_failing':
      return undefined
    case 'no_channel':
      return { to: '/channels', search: { new: '1' }, name: 'alert_do_first' }
    case 'model_down':
      return { to: '/channels', search: { model: alert.name }, name: 'alert_do_channels' }
    case 'model_unpriced':
      return { to: '/prices', search: { model: alert.name }, name: 'alert_do_price' }
    case 'root_without_factor':
      return { to: '/account', search: {}, name: 'alert_do_factor' }
    case 'address_unset':
      return { to: '/settings', search: { q: 'ServerAddress' }, name: 'alert_do_address' }
    case 'mail_unset':
      return { to: '/settings', search: { q: 'SMTP' }, name: 'alert_do_mail' }
    default:
      return { to: '/channels', search: { id: String(alert.id) }, name: 'alert_do_channel' }
  }
}

function What({ alert }: { alert: Alert }) {
  const { t } = useSpeech()
  const key = `alert_${alert.kind}`
  const name = alert.name || (alert.id ? `#${alert.id}` : '')
  const why = known(`${key}_why`) ? t(`${key}_why` as Key) : alert.detail
  return (
    <span className="flex flex-col py-1">
      <span className="break-words">{known(key) ? t(key, { name }) : `${alert.kind} ${name}`}</span>
      {why ? <span className="text-xs text-soft">{why}</span> : null}
    </span>
  )
}

export function Alerts() {
  const { t } = useSpeech()
  const { data: told, error, refetch } = useQuery(alerts)
  const rows = told?.alerts
  const count = (rows?.length ?? 0) + (told?.more ?? 0)
  const Picture = count ? TriangleAlert : CircleCheck
  const columns: Column<Alert>[] = [
    {
      key: 'severity',
      head: t('alert_severity'),
      show: (alert) => <State mood={moodOf(alert)}>{t(`alert_${alert.severity}` as Key)}</State>,
    },
    { key: 'what', head: t('alert_what'), show: (alert) => <What alert={alert} /> },
  ]
  return (
    <>
      <h1 className="text-xl font-semibold">{t('alerts')}</h1>
      {told ? (
        <p role="status" className="flex items-start gap-2 text-base">
          <Picture className={`mt-0.5 size-5 shrink-0 ${count ? 'text-warn' : 'text-good'}`} aria-hidden />
          {count ? t('alert_says', { count }) : t('alert_says_none')}
        </p>
      ) : null}
      <Table
        caption={t('alerts')}
        columns={columns}
        rows={rows}
        id={(alert) => `${alert.kind} ${alert.id} ${alert.name}`}
        error={error}
        retry={() => refetch()}
        empty={<Empty icon={<BellOff className="size-6" aria-hidden />} title={t('alert_says_none')} />}
        actions={(alert) => {
          const what = remedy(alert)
          if (!what) return null
          const { to, search, name } = what
          return (
            <Link
              to={to}
              search={search as never}
              className="inline-flex min-h-8 items-center rounded-md px-2 font-medium underline decoration-line underline-offset-4 max-md:min-h-11"
            >
              {t(name)}
              {alert.name ? <span className="sr-only"> {alert.name}</span> : null}
            </Link>
          )
        }}
      />
      {told?.more ? <p className="text-soft">{t('alert_more', { count: told.more })}</p> : null}
    </>
  )
}
