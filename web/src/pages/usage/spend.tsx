// What each line came to, with the sum of all.
import { useSpeech } from '../../i18n'
import { Card, Count, Money } from '../../ui/show'
import { useParts } from '../../ui/table'
import { dollars, type Line, totalOf } from './sums'

export function Spend({ title, head, lines, named }: SpendProps) {
  const { t, language } = useSpeech()
  const total = totalOf(lines)
  const { shown, parts } = useParts(lines)
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const cell = 'px-3 py-1.5 text-right whitespace-nowrap tabular-nums'
  const left = 'px-3 py-1.5 text-left font-normal min-w-32 break-words'
  const heads = [
    'usage_calls',
    'usage_failed',
    'usage_tokens_in',
    'usage_tokens_out',
    'usage_cost',
    'usage_share',
  ] as const
  const numbers = (one: Omit<Line, 'key' | 'name' | 'username' | 'slots'>) => (
    <>
      <td className={cell}>
        <Count of={one.calls} />
      </td>
      <td className={cell}>
        <Count of={one.failed} />
      </td>
      <td className={cell}>
        <Count of={one.tokensIn} />
      </td>
      <td className={cell}>
        <Count of={one.tokensOut} />
      </td>
      <td className={cell}>
        <Money usd={dollars(one.nano)} />
      </td>
      <td className={cell}>{percent.format(total.nano > 0n ? Number(one.nano) / Number(total.nano) : 0)}</td>
    </>
  )
  return (
    <Card title={title}>
      <section className="overflow-x-auto" tabIndex={0} aria-label={title}>
        <table className="w-full border-collapse">
          <caption className="sr-only">{title}</caption>
          <thead className="text-xs text-soft">
            <tr>
              <th scope="col" className="px-3 py-1.5 text-left font-medium">
                {head}
              </th>
              {heads.map((key) => (
                <th key={key} scope="col" className={`${cell} font-medium`}>
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((line) => (
              <tr key={line.key} className="border-t border-line">
                <th scope="row" className={left}>
                  {named(line)}
                </th>
                {numbers(line)}
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr className="border-t-2 border-line font-semibold">
              <th scope="row" className={`${left} font-semibold`}>
                {t('usage_total')}
              </th>
              {numbers(total)}
            </tr>
          </tfoot>
        </table>
      </section>
      {parts}
    </Card>
  )
}

interface SpendProps {
  title: string
  head: string
  lines: Line[]
  named: (line: Line) => string
}
