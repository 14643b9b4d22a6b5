// The second factor: digits, a recovery code or a passkey, whichever the account has.
import { useMutation } from '@tanstack/react-query'
import { Fingerprint } from 'lucide-react'
import { useState } from 'react'
import { ApiError } from '../../api/client'
import { type Speech, useSpeech } from '../../i18n'
import { NotShown, passkeysWork, type Shown, showPasskey } from '../../lib/passkey'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'

export interface Factor {
  totp?: string
  passkey?: Shown
}

export interface Asked {
  factors: string[]
  publicKey?: unknown
  ticket?: string
}

/** What the API asks for, if it is a second factor that it refused for. */
export function askedBy(error: unknown): Asked | undefined {
  if (!(error instanceof ApiError)) return undefined
  if (error.code !== 'totp_required' && error.code !== 'passkey_required') return undefined
  const told = (error.data ?? {}) as Partial<Asked>
  return { ...told, factors: told.factors ?? ['totp'] }
}

export function whyNot(error: unknown, t: Speech['t']): string {
  if (!error) return ''
  if (error instanceof NotShown) return t('sign_passkey_none')
  if (error instanceof ApiError && error.code === 'totp_wrong') return t('sign_digits_wrong')
  if (error instanceof ApiError && error.code === 'passkey_wrong') return t('sign_passkey_wrong')
  return explained(error, t)
}

interface Props {
  asked: Asked
  /** The refused call again, with a factor. */
  run: (factor: Factor) => Promise<unknown>
  action: string
}

export function FactorForm({ asked, run, action }: Props) {
  const { t } = useSpeech()
  const [digits, setDigits] = useState('')
  // A question is good once: after that the API is asked for another.
  const [question, setQuestion] = useState(asked.publicKey)
  const send = useMutation({ mutationFn: run })
  const passkey = useMutation({
    mutationFn: async () => {
      let ask = question
      setQuestion(undefined)
      if (!ask) {
        try {
          await run({})
        } catch (error) {
          ask = askedBy(error)?.publicKey
          if (!ask) throw error
        }
      }
      await run({ passkey: await showPasskey(ask) })
    },
  })
  const why = whyNot(send.error ?? passkey.error, t)
  const shows = asked.factors.includes('passkey') && passkeysWork()
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        passkey.reset()
        send.mutate({ totp: digits.trim() })
      }}
    >
      {shows ? (
        <Button
          look={asked.factors.includes('totp') ? 'plain' : 'main'}
          busy={passkey.isPending}
          icon={<Fingerprint className="size-4" aria-hidden />}
          onClick={() => {
            send.reset()
            passkey.mutate()
          }}
        >
          {t('sign_passkey_use')}
        </Button>
      ) : null}
      <Input
        label={asked.factors.includes('totp') ? t('digits') : t('sign_recovery')}
        autoComplete="one-time-code"
        required
        autoFocus
        value={digits}
        onChange={(event) => setDigits(event.target.value)}
      />
      {why ? (
        <p role="alert" className="text-bad">
          {why}
        </p>
      ) : null}
      <Button
        type="submit"
        look={shows && !asked.factors.includes('totp') ? 'plain' : 'main'}
        busy={send.isPending}
      >
        {action}
      </Button>
    </form>
  )
}
