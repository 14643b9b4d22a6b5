// Choosing a password: at the first start, and by a link that was mailed.
import { useState } from 'react'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'

interface Props {
  error: unknown
  busy: boolean
  choose: (password: string) => void
}

export function NewPassword({ error, busy, choose }: Props) {
  const { t } = useSpeech()
  const [password, setPassword] = useState('')
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        choose(password)
      }}
    >
      <Input
        label={t('new_password')}
        hint={t('new_password_hint')}
        type="password"
        autoComplete="new-password"
        minLength={8}
        maxLength={256}
        required
        autoFocus
        value={password}
        error={error ? explained(error, t) : undefined}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" look="main" busy={busy}>
        {t('set_password')}
      </Button>
    </form>
  )
}
