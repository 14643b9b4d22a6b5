// Which time, in which steps, split by what, and whose calls.
import { useSpeech } from '../../i18n'
import { Input, Select } from '../../ui/field'
import { isoDay, RANGES, type Search, type Span } from './range'

export const BYS = ['model', 'token', 'user', 'channel', 'group'] as const
export type By = (typeof BYS)[number]

interface Props {
  span: Span
  by: By
  /** What can be split by. */
  bys: readonly By[]
  everybody: boolean
  admin: boolean
  go: (change: Search) => void
}

export function Choices({ span, by, bys, everybody, admin, go }: Props) {
  const { t } = useSpeech()
  return (
    <div className="grid grid-cols-2 gap-3 rounded-lg border border-line bg-card p-3 md:flex md:flex-wrap">
      <div className="col-span-2 md:contents">
        <Select
          label={t('usage_range')}
          value={span.name}
          onChange={(event) => {
            const custom = event.target.value === 'custom'
            go({
              range: event.target.value === 'month' ? undefined : event.target.value,
              from: custom ? isoDay(span.from) : undefined,
              to: custom ? isoDay(span.to - 1) : undefined,
              step: undefined,
              was: undefined,
            } as Search)
          }}
        >
          {RANGES.map((name) => (
            <option key={name} value={name}>
              {t(`usage_range_${name}`)}
            </option>
          ))}
        </Select>
      </div>
      {span.name === 'custom' ? (
        <>
          <Input
            type="date"
            label={t('usage_from')}
            value={isoDay(span.from)}
            onChange={(event) => event.target.value && go({ from: event.target.value })}
          />
          <Input
            type="date"
            label={t('usage_to')}
            value={isoDay(span.to - 1)}
            onChange={(event) => event.target.value && go({ to: event.target.value })}
          />
        </>
      ) : null}
      <Select
        label={t('usage_step')}
        value={span.step}
        onChange={(event) => go({ step: event.target.value })}
      >
        {span.steps.map((step) => (
          <option key={step} value={step}>
            {t(`usage_step_${step}`)}
          </option>
        ))}
      </Select>
      <Select label={t('usage_by')} value={by} onChange={(event) => go({ by: event.target.value })}>
        {bys.map((one) => (
          <option key={one} value={one}>
            {t(`usage_by_${one}`)}
          </option>
        ))}
      </Select>
      {admin ? (
        <Select
          label={t('usage_who')}
          value={everybody ? 'all' : 'me'}
          onChange={(event) => go({ who: event.target.value })}
        >
          <option value="me">{t('usage_me')}</option>
          <option value="all">{t('usage_everybody')}</option>
        </Select>
      ) : null}
    </div>
  )
}
