// Six digits from an authenticator app as the second factor.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Card, Code, State } from '../../ui/show'
import { useSay } from '../../ui/toast'
import { whyNot } from '../sign-in/factor'
import { Recovery } from './codes'
import { type Proof, Proving, useFactors } from './proof'
import { Qr } from './qr'

interface Setup {
  seed: Schemas['Seedling']
  close: () => void
  made: (codes: string[]) => void
}

function SetUp({ seed, close, made }: Setup) {
  const { t } = useSpeech()
  const [code, setCode] = useState('')
  const confirm = useMutation({
    mutationFn: () => data(api.POST('/api/user/totp/confirm', { body: { code: code.trim() } })),
    onSuccess: (told) => made(told.recovery_codes),
  })
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t('account_totp_setup')}
      description={t('account_totp_scan')}
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          confirm.mutate()
        }}
      >
        <Qr text={seed.url} label={t('account_totp_qr')} />
        <div className="flex flex-col gap-1">
          <span className="font-medium">{t('account_totp_secret')}</span>
          <Code text={seed.secret} />
        </div>
        <Input
          label={t('account_totp_code')}
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          autoFocus
          maxLength={8}
          value={code}
          error={confirm.error ? whyNot(confirm.error, t) : undefined}
          onChange={(event) => setCode(event.target.value)}
        />
        <Button type="submit" look="main" busy={confirm.isPending}>
          {t('account_totp_confirm')}
        </Button>
      </form>
    </Dialog>
  )
}

export function SecondFactor() {
  const { t } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const factors = useFactors()
  const [proving, setProving] = useState<'begin' | 'remove'>()
  const [seed, setSeed] = useState<Schemas['Seedling']>()
  const [codes, setCodes] = useState<string[]>()
  const refresh = () => queries.invalidateQueries({ queryKey: ['factors'] })
  const begin = async (proof: Proof) => {
    setSeed(await data(api.POST('/api/user/totp', { body: proof })))
    setProving(undefined)
  }
  const remove = async ({ totp, passkey }: Proof) => {
    await whole(api.DELETE('/api/user/totp', { body: { code: totp ?? null, passkey: passkey ?? null } }))
    setProving(undefined)
    refresh()
    say(t('account_totp_removed'))
  }
  const active = factors.data?.active
  return (
    <Card title={t('account_totp')}>
      <div className="flex flex-col items-start gap-3">
        {factors.error ? <Failure error={factors.error} retry={() => factors.refetch()} /> : null}
        {factors.data ? (
          <>
            <State mood={active ? 'good' : 'none'}>
              {active ? t('account_totp_on') : t('account_totp_off')}
            </State>
            <p className="text-soft">{t('account_totp_says')}</p>
            {factors.data.recovery_codes > 0 ? (
              <p>{t('account_codes_left', { count: factors.data.recovery_codes })}</p>
            ) : null}
            <Button
              look={active ? 'danger' : 'plain'}
              onClick={() => setProving(active ? 'remove' : 'begin')}
            >
              {active ? t('account_totp_remove') : t('account_totp_setup')}
            </Button>
          </>
        ) : null}
      </div>
      {proving === 'begin' ? (
        <Proving
          title={t('account_totp_setup')}
          description={t('account_proof')}
          action={t('account_go_on')}
          run={begin}
          close={() => setProving(undefined)}
        />
      ) : null}
      {proving === 'remove' ? (
        <Proving
          title={t('account_totp_remove')}
          description={t('account_totp_remove_says')}
          action={t('account_totp_remove')}
          run={remove}
          close={() => setProving(undefined)}
        />
      ) : null}
      {seed ? (
        <SetUp
          seed={seed}
          close={() => setSeed(undefined)}
          made={(made) => {
            setSeed(undefined)
            setCodes(made)
            refresh()
          }}
        />
      ) : null}
      {codes ? <Recovery codes={codes} close={() => setCodes(undefined)} /> : null}
    </Card>
  )
}
