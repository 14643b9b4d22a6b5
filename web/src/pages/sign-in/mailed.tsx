// A new password by mail: asking for the link.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'

export function Forgotten({ back }: { back: () => void }) {
  const { t } = useSpeech()
  const [email, setEmail] = useState('')
  const ask = useMutation({
    mutationFn: () =>
      whole(api.GET('/api/reset_password', { params: { query: { email: email.trim() } as never } })),
  })
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        ask.mutate()
      }}
    >
      <Input
        label={t('sign_email')}
        type="email"
        autoComplete="email"
        required
        autoFocus
        value={email}
        error={ask.error ? explained(ask.error, t) : undefined}
        onChange={(event) => setEmail(event.target.value)}
      />
      <p role="status" className="empty:hidden">
        {ask.isSuccess ? t('sign_mailed') : null}
      </p>
      <Button type="submit" look="main" busy={ask.isPending}>
        {t('sign_mail_link')}
      </Button>
      <Button look="quiet" onClick={back}>
        {t('sign_back')}
      </Button>
    </form>
  )
}
