// A bill's arithmetic, line by line, and what it moved in the ledger.
import type { Schemas } from '../../api/client'
import { useSpeech } from '../../i18n'
import { exact, usd } from '../../lib/money'
import { Money } from '../../ui/show'
import { detailOf, type Log, unitOf } from './words'

const TABLE = 'w-full border-collapse'
const NUMBER = 'py-1.5 pl-3 text-right tabular-nums'
// Not priced by the million.
const SINGLES = new Set(['request', 'image', 'second', 'character'])

export function Bill({ bill, log }: { bill: Schemas['Bill']; log: Log }) {
  const { t, language } = useSpeech()
  const group = detailOf(log).group ?? ''
  const lines = bill.lines.filter((line) => line.nano_usd_per_million !== 0 || line.bucket !== 'request')
  const sum = lines.reduce((all, line) => all + line.usd, 0)
  const cost = usd(bill.cost_usd, language)
  const says = {
    void: t('log_bill_void'),
    estimated: t('log_bill_estimated', { cost }),
  }[log.mark]
  const unpriced = bill.unpriced === true || log.mark === 'unpriced'
  return (
    <section>
      <h3 className="mb-2 font-semibold">{t('log_bill')}</h3>
      <p className="mb-2">{says ?? t('log_bill_reported', { cost })}</p>
      {unpriced ? <p className="mb-2 text-warn">{t('log_bill_unpriced')}</p> : null}
      {lines.length > 0 ? (
        <table className={TABLE}>
          <caption className="sr-only">{t('log_bill')}</caption>
          <thead className="text-left text-xs text-soft">
            <tr>
              <th scope="col" className="py-1.5 font-medium">
                {t('log_bucket')}
              </th>
              <th scope="col" className={`${NUMBER} font-medium`}>
                {t('log_count')}
              </th>
              <th scope="col" className={`${NUMBER} font-medium`}>
                {t('log_rate')}
              </th>
              <th scope="col" className={`${NUMBER} font-medium`}>
                {t('log_amount')}
              </th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <tr key={line.bucket} className="border-t border-line">
                <td className="py-1.5">{unitOf(line.bucket, t)}</td>
                <td className={NUMBER}>{exact(line.count, language)}</td>
                <td className={NUMBER}>
                  <Money usd={line.nano_usd_per_million / 1e9} />
                  {SINGLES.has(line.bucket) ? (
                    <span className="block text-xs text-soft">
                      {t('log_rate_each')} <Money usd={line.nano_usd_per_million / 1e15} />
                    </span>
                  ) : null}
                </td>
                <td className={NUMBER}>
                  <Money usd={line.usd} />
                </td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr className="border-t border-line">
              <th scope="row" colSpan={3} className="py-1.5 text-left font-normal">
                {t('log_sum')}
              </th>
              <td className={NUMBER}>
                <Money usd={sum} />
              </td>
            </tr>
            <tr className="border-t border-line">
              <th scope="row" colSpan={3} className="py-1.5 text-left font-normal">
                {t('log_group_ratio', { group, ratio: bill.group_ratio })}
              </th>
              <td className={NUMBER}>
                <Money usd={sum * bill.group_ratio} />
              </td>
            </tr>
            <tr className="border-t border-line font-semibold">
              <th scope="row" colSpan={3} className="py-1.5 text-left">
                {t('log_paid')}
              </th>
              <td className={NUMBER}>
                <Money usd={bill.cost_usd} />
              </td>
            </tr>
          </tfoot>
        </table>
      ) : null}
      <p className="mt-2 text-soft">
        {t('log_held')}: <Money usd={bill.reserved_usd} />
      </p>
    </section>
  )
}

interface Event {
  account?: string
  amount_nano?: number
  at_ms?: number
  phase?: string
}

export function Ledger({ events }: { events: Event[] }) {
  const { t } = useSpeech()
  if (events.length === 0) return null
  return (
    <section>
      <h3 className="mb-2 font-semibold">{t('log_ledger')}</h3>
      <table className={TABLE}>
        <caption className="sr-only">{t('log_ledger')}</caption>
        <thead className="text-left text-xs text-soft">
          <tr>
            <th scope="col" className="py-1.5 font-medium">
              {t('log_ledger_phase')}
            </th>
            <th scope="col" className="py-1.5 font-medium">
              {t('log_ledger_account')}
            </th>
            <th scope="col" className={`${NUMBER} font-medium`}>
              {t('log_amount')}
            </th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={`${event.at_ms}-${event.phase}-${event.account}`} className="border-t border-line">
              <td className="py-1.5">{event.phase}</td>
              <td className="py-1.5 font-mono text-xs break-all">{event.account}</td>
              <td className={NUMBER}>
                <Money usd={(event.amount_nano ?? 0) / 1e9} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
