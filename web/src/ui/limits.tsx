import { type Key, useSpeech } from '../i18n'
import { type LimitsDraft, limitsFaults } from '../lib/limits'
import { Input } from './field'

const FIELDS: [keyof LimitsDraft, Key][] = [
  ['rpm', 'limit_rpm'],
  ['tpm', 'limit_tpm'],
  ['concurrency', 'limit_concurrency'],
  ['day', 'limit_day'],
  ['month', 'limit_month'],
]

export function LimitFields({
  draft,
  change,
  disabled,
}: {
  draft: LimitsDraft
  change: (draft: LimitsDraft) => void
  disabled?: boolean
}) {
  const { t } = useSpeech()
  const faults = limitsFaults(draft)
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {FIELDS.map(([key, name]) => (
        <Input
          key={key}
          label={t(name)}
          placeholder={t('limit_none')}
          inputMode="decimal"
          disabled={disabled ?? false}
          value={draft[key]}
          error={faults.includes(key) ? t('limit_wrong') : undefined}
          onChange={(event) => change({ ...draft, [key]: event.target.value })}
        />
      ))}
    </div>
  )
}
