// Choosing a language before there is a shell: the browser's own list, so that sign-in loads no menus.
import { CHOICES, type Language, useSpeech } from '../i18n'
import { Select } from '../ui/field'

export function LanguageSelect() {
  const { t, choose, language } = useSpeech()
  return (
    <Select
      hidden
      label={t('language')}
      value={language}
      onChange={(event) => choose(event.target.value as Language)}
    >
      {CHOICES.map(({ code, name }) => (
        <option key={code} value={code} lang={code}>
          {name}
        </option>
      ))}
    </Select>
  )
}
