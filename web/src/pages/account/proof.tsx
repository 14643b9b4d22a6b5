// Before the ways to sign in change, somebody shows again who they are: a second factor, else the password.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError, api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Input } from '../../ui/field'
import { type Asked, askedBy, type Factor, FactorForm } from '../sign-in/factor'

export interface Proof extends Factor {
  password?: string
}

export const useFactors = () =>
  useQuery({ queryKey: ['factors'], queryFn: () => data(api.GET('/api/user/totp')) })

interface Props {
  title: string
  description?: string
  action: string
  /** The call that needs the proof. */
  run: (proof: Proof) => Promise<unknown>
  close: () => void
}

/** For an account without a second factor. */
function ByPassword({ action, run, ask }: Props & { ask: (asked: Asked) => void }) {
  const { t } = useSpeech()
  const [password, setPassword] = useState('')
  const send = useMutation({
    mutationFn: () => run({ password }),
    onError: (error) => {
      const asked = askedBy(error)
      if (asked) ask(asked)
    },
  })
  const { error } = send
  const wrong = error instanceof ApiError && error.status === 403
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        send.mutate()
      }}
    >
      <Input
        label={t('password')}
        hint={t('account_proof_hint')}
        type="password"
        autoComplete="current-password"
        autoFocus
        value={password}
        error={error ? (wrong ? t('account_password_wrong') : explained(error, t)) : undefined}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" look="main" busy={send.isPending}>
        {action}
      </Button>
    </form>
  )
}

export function Proving(props: Props) {
  const { title, description, action, run, close } = props
  const factors = useFactors()
  const [asked, setAsked] = useState<Asked>()
  const known = factors.data
  // What a passkey is asked comes with the refusal: the form gets it when it needs it.
  const has: Asked | undefined =
    asked ??
    (known && (known.active || known.passkeys > 0)
      ? {
          factors: [...(known.active ? ['totp'] : []), ...(known.passkeys > 0 ? ['passkey'] : [])],
        }
      : undefined)
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={title}
      {...(description ? { description } : {})}
    >
      {known && has ? <FactorForm asked={has} run={run} action={action} /> : null}
      {known && !has ? <ByPassword {...props} ask={setAsked} /> : null}
    </Dialog>
  )
}
