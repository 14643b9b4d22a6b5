// What calls cost: as one sentence, as charts, as a table, as a file.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ChartColumn, Download, ZoomOut } from 'lucide-react'
import { useMemo } from 'react'
import { whole as answer, api } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { saveCsv } from '../lib/download'
import { exact, short, usd } from '../lib/money'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import { ListHead } from '../ui/head'
import { Empty } from '../ui/show'
import { Views } from '../ui/views'
import { Bars, type Series, SHOWN } from './usage/bars'
import { BYS, Choices } from './usage/choices'
import { before, closer, isoDay, type Search, span, whole } from './usage/range'
import { Spend } from './usage/spend'
import { dollars, type Line, linesOf, slotsOf, totalOf } from './usage/sums'

const TOP = 200

/** The dearest by themselves, all others together. */
function seriesOf(
  lines: Line[],
  slots: number[],
  value: (slot: { calls: number; tokens: number; nano: bigint }) => number,
  named: (line: Line) => string,
  others: string,
): Series[] {
  const values = (line: Line) =>
    slots.map((slot) => {
      const found = line.slots.get(slot)
      return found ? value(found) : 0
    })
  const alone = lines.length > SHOWN ? lines.slice(0, SHOWN - 1) : lines
  const series = alone.map((line) => ({ key: line.key, name: named(line), values: values(line) }))
  const rest = lines.slice(alone.length).map(values)
  if (rest.length > 0) {
    const sums = slots.map((_, at) => rest.reduce((sum, one) => sum + (one[at] ?? 0), 0))
    series.push({ key: 'others', name: others, values: sums })
  }
  return series
}

export function Usage() {
  const { t, language } = useSpeech()
  const user = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const admin = user.role >= ROLES.admin
  const everybody = admin && search.who === 'all'
  const bys = everybody ? BYS : BYS.slice(0, 2)
  const by = bys.find((one) => one === search.by) ?? 'model'
  const time = span(search)
  const go = (change: Search, replace = true) =>
    navigate({
      to: '/usage',
      search: ((now: Search) => ({ ...now, ...change })) as never,
      replace,
      resetScroll: false,
    })
  const { from, to, step } = time
  const stats = useQuery({
    queryKey: ['stats', 'usage', from, to, step, by, everybody],
    queryFn: () =>
      answer(
        api.GET('/api/stats', {
          params: {
            query: {
              by,
              step,
              from: String(from),
              to: String(to),
              top: String(TOP),
              self: everybody ? 'false' : 'true',
            },
          },
        }),
      ),
    placeholderData: (before) => before,
  })
  const points = stats.data?.data
  const lines = useMemo(() => linesOf(points ?? []), [points])
  const slots = useMemo(() => slotsOf({ from, to, step } as never), [from, to, step])
  const total = totalOf(lines)
  const named = (line: Line) => {
    const name = line.name || t('usage_no_name')
    return by === 'token' && everybody && line.username ? `${name} (${line.username})` : name
  }
  const byName = t(`usage_by_${by}`)
  const save = () => {
    const head = [by, 'calls', 'failed', 'prompt_tokens', 'completion_tokens', 'cost_usd']
    const row = (name: string, one: Omit<Line, 'key' | 'name' | 'username' | 'slots'>) => [
      name,
      ...[one.calls, one.failed, one.tokensIn, one.tokensOut].map(String),
      dollars(one.nano),
    ]
    const rows = lines.map((line) => row(named(line), line))
    saveCsv(`usage-${by}-${isoDay(from)}-${isoDay(to - 1)}.csv`, [head, ...rows, row('total', total)])
  }
  const first = lines[0]
  const share = first && total.nano > 0n ? Number(first.nano) / Number(total.nano) : 0
  const charts = [
    {
      title: t('usage_cost'),
      value: (slot: { nano: bigint }) => Number(slot.nano) / 1e9,
      show: (value: number) => usd(value, language),
    },
    {
      title: t('usage_calls'),
      value: (slot: { calls: number }) => slot.calls,
      show: (value: number) => short(value, language),
    },
    {
      title: t('usage_tokens'),
      value: (slot: { tokens: number }) => slot.tokens,
      show: (value: number) => short(value, language),
    },
  ]
  return (
    <>
      <ListHead title={t('usage')}>
        <Views page="/usage" filters={{ ...search, was: undefined }} />
        {search.was ? (
          <Button
            icon={<ZoomOut className="size-4" aria-hidden />}
            onClick={() => go(whole(search.was ?? ''), false)}
          >
            {t('zoom_reset')}
          </Button>
        ) : null}
        <Button
          look="main"
          icon={<Download className="size-4" aria-hidden />}
          disabled={lines.length === 0}
          onClick={save}
        >
          {t('usage_export')}
        </Button>
      </ListHead>
      {points ? (
        <p>
          {t('usage_says', {
            calls: exact(total.calls, language),
            count: total.calls,
            cost: usd(dollars(total.nano), language),
            failed: exact(total.failed, language),
          })}{' '}
          {first && share > 0
            ? t('usage_most', {
                name: named(first),
                share: new Intl.NumberFormat(language, { style: 'percent' }).format(share),
              })
            : null}{' '}
          {stats.data?.whole === false ? t('usage_partial') : null}
        </p>
      ) : null}
      <Choices span={time} by={by} bys={bys} everybody={everybody} admin={admin} go={go} />
      {stats.error && !points ? <Failure error={stats.error} retry={() => stats.refetch()} /> : null}
      {points && lines.length === 0 ? (
        <Empty icon={<ChartColumn className="size-6" aria-hidden />} title={t('usage_empty')} />
      ) : null}
      {lines.length > 0 ? (
        <>
          <Spend title={t('usage_spend_by', { by: byName })} head={byName} lines={lines} named={named} />
          {lines.length >= TOP ? <p className="text-soft">{t('usage_top', { count: TOP })}</p> : null}
          <p id="zoom-hint" className="text-xs text-soft">
            {t('zoom_hint')}
          </p>
          {charts.map(({ title, value, show }) => (
            <Bars
              key={title}
              title={title}
              by={byName}
              slots={slots}
              step={step}
              series={seriesOf(lines, slots, value, named, t('usage_others'))}
              show={show}
              zoom={(first, end) => go({ ...closer(first, end, step), was: before(search) }, false)}
              hint="zoom-hint"
            />
          ))}
        </>
      ) : null}
    </>
  )
}
