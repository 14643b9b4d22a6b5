import { known, useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Input, TextArea } from '../../ui/field'
import { kindOf } from './options'
import { fieldOf, settingOf } from './values'

/** The plain name of an option; of one that has none, its own. */
export function useOptionName() {
  const { t } = useSpeech()
  return (option: string) => {
    const key = `setting_${option}`
    return known(key) ? t(key) : option
  }
}

interface Props {
  option: string
  field: string
  /** What holds when nobody sets it; undefined for a secret. */
  standard: string | undefined
  fixed: boolean
  change: (field: string) => void
}

export function OptionField({ option, field, standard, fixed, change }: Props) {
  const { t } = useSpeech()
  const name = useOptionName()
  const kind = kindOf(option)
  const explained = `setting_${option}_hint`
  const before = standard === undefined ? '' : fieldOf(option, standard)
  const other = standard !== undefined && field !== before && !fixed
  const hint = (
    <>
      {known(explained) ? <>{t(explained)} </> : null}
      <code className="font-mono">{option}</code>
      {fixed ? ` · ${t('from_file')}` : null}
    </>
  )
  const shared = {
    label: name(option),
    hint,
    disabled: fixed,
    value: field,
    spellCheck: false,
    error:
      settingOf(option, field) === null ? t(kind === 'json' ? 'setting_no_json' : 'limit_wrong') : undefined,
    onChange: (event: { target: { value: string } }) => change(event.target.value),
  }
  const back = other ? (
    <Button
      look="quiet"
      aria-label={`${t('setting_default')}: ${name(option)}`}
      onClick={() => change(before)}
    >
      {t('setting_default')}
    </Button>
  ) : null
  if (kind === 'switch')
    return (
      <div className="flex items-start justify-between gap-3">
        <label className="flex items-start gap-2.5">
          <input
            type="checkbox"
            role="switch"
            aria-checked={field === 'true'}
            checked={field === 'true'}
            disabled={fixed}
            onChange={(event) => change(String(event.target.checked))}
            className="mt-0.5 size-6 shrink-0 accent-accent md:size-4"
          />
          <span>
            <span className="font-medium">{name(option)}</span>
            <span className="block text-xs text-soft">{hint}</span>
          </span>
        </label>
        {back}
      </div>
    )
  return (
    <div className="flex items-start justify-between gap-3">
      <div className="min-w-0 flex-1">
        {kind === 'long' || kind === 'json' ? (
          <TextArea {...shared} rows={3} className={kind === 'json' ? 'font-mono' : ''} />
        ) : kind === 'secret' ? (
          <Input {...shared} type="password" autoComplete="new-password" placeholder={t('setting_secret')} />
        ) : (
          <Input {...shared} inputMode={kind === 'text' ? 'text' : 'decimal'} autoComplete="off" />
        )}
      </div>
      {back}
    </div>
  )
}
