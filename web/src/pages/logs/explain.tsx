// One row with all that is known of it: at the side of the list, and by the address alone.
import { useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { moment } from '../../lib/time'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { CopyButton, Money, State } from '../../ui/show'
import { Bill, Ledger } from './bill'
import { Attempts, Timeline } from './timeline'
import { detailOf, isCall, isFailed, kindOf, type Log, whyOf } from './words'

function Facts({ log, admin }: { log: Log; admin: boolean }) {
  const { t, language } = useSpeech()
  const facts: [string, string | number][] = [
    [t('log_time'), moment(log.created_at, language)],
    [t('log_kind'), kindOf(log, t)],
    [t('log_user'), admin ? log.username : ''],
    [t('log_model'), log.model_name],
    [t('log_key'), log.token_name],
    [t('log_channel'), log.channel || ''],
    [t('log_endpoint'), log.endpoint ? `${log.endpoint}${log.is_stream ? `, ${t('log_stream')}` : ''}` : ''],
    [
      t('log_tokens'),
      log.prompt_tokens || log.completion_tokens
        ? t('log_tokens_in', { in: log.prompt_tokens, out: log.completion_tokens })
        : '',
    ],
  ]
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
      {facts
        .filter(([, value]) => value !== '')
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd className="break-words">{value}</dd>
          </div>
        ))}
    </dl>
  )
}

function Said({ log }: { log: Log }) {
  const { t } = useSpeech()
  if (!isCall(log)) return <p className="break-words">{log.content}</p>
  if (!isFailed(log)) return <State mood="good">{t('log_answered')}</State>
  return (
    <div className="flex flex-col gap-1">
      <State mood="bad">
        {t('log_failed')} {log.status || ''}
      </State>
      <p>{whyOf(log, t)}</p>
    </div>
  )
}

interface Props {
  /** A request by its id, or a row of the list that is none. */
  request: string | undefined
  row: Log | undefined
  admin: boolean
  close: () => void
}

export function Explained({ request, row, admin, close }: Props) {
  const { t } = useSpeech()
  const told = useQuery({
    queryKey: ['explain', request],
    enabled: request !== undefined,
    queryFn: () => data(api.GET('/api/log/explain/{id}', { params: { path: { id: request ?? '' } } })),
  })
  const log = told.data?.request ?? row
  const detail = log ? detailOf(log) : {}
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('log_details')} side>
      <div className="flex flex-col gap-5">
        {request ? (
          <div className="flex items-center gap-2">
            <code className="font-mono text-xs break-all">{request}</code>
            <CopyButton text={request} />
          </div>
        ) : null}
        {told.error ? <Failure error={told.error} retry={() => told.refetch()} /> : null}
        {log && !told.error ? (
          <>
            <Said log={log} />
            <Facts log={log} admin={admin} />
            {told.data ? <Bill bill={told.data.bill} log={log} /> : null}
            {isCall(log) ? <Timeline detail={detail} elapsed={log.elapsed_time} /> : null}
            <Attempts detail={detail} />
            {told.data ? <Ledger events={told.data.ledger as never} /> : null}
            {!isCall(log) && Number(log.cost_usd) !== 0 ? (
              <p>
                {t('log_amount')}: <Money usd={log.cost_usd} />
              </p>
            ) : null}
          </>
        ) : null}
      </div>
    </Dialog>
  )
}
