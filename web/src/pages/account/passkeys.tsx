// Passkeys: made on this device or by another one, named, taken away.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSite } from '../../api/session'
import { useSpeech } from '../../i18n'
import { makePasskey, passkeysWork } from '../../lib/passkey'
import { rows } from '../../lib/rows'
import { Button, IconButton } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Dialog } from '../../ui/dialog'
import { explained, Failure } from '../../ui/errors'
import { Input } from '../../ui/field'
import { Card, Time } from '../../ui/show'
import { useSay } from '../../ui/toast'
import { whyNot } from '../sign-in/factor'
import { Recovery } from './codes'
import { type Proof, Proving } from './proof'

type Passkey = Schemas['Passkey']

function Rename({ passkey, close }: { passkey: Passkey; close: () => void }) {
  const { t } = useSpeech()
  const [name, setName] = useState(passkey.name)
  const save = useChange({
    run: ({ name }: { name: string; before: string }) =>
      whole(
        api.PUT('/api/user/self/passkeys/{id}', {
          params: { path: { id: passkey.id } as never },
          body: { name },
        }),
      ),
    concerns: [['passkeys']],
    shown: ({ name }) => [
      [['passkeys'], rows<Passkey>((row) => (row.id === passkey.id ? { ...row, name } : row))],
    ],
    back: ({ name, before }) => ({ name: before, before: name }),
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => `passkey ${passkey.id}`,
    done: (_told, _wanted, undoing) => {
      if (!undoing) close()
    },
    refused: () => {},
  })
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('account_passkey_rename')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate({ name: name.trim(), before: passkey.name })
        }}
      >
        <Input
          label={t('name')}
          required
          autoFocus
          maxLength={64}
          value={name}
          error={save.error ? explained(save.error, t) : undefined}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" look="main" busy={save.isPending}>
          {t('save')}
        </Button>
      </form>
    </Dialog>
  )
}

export function Passkeys() {
  const { t } = useSpeech()
  const say = useSay()
  const queries = useQueryClient()
  const site = useSite()
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<Passkey>()
  const [renaming, setRenaming] = useState<Passkey>()
  const [codes, setCodes] = useState<string[]>()
  const passkeys = useQuery({
    queryKey: ['passkeys'],
    queryFn: () => data(api.GET('/api/user/self/passkeys')),
  })
  const refresh = () => {
    queries.invalidateQueries({ queryKey: ['passkeys'] })
    queries.invalidateQueries({ queryKey: ['factors'] })
  }
  const finish = useMutation({
    mutationFn: async (publicKey: unknown) => {
      const passkey = await makePasskey(publicKey)
      const name = `${t('account_passkey')} ${new Date().toISOString().slice(0, 10)}`
      return data(api.POST('/api/user/self/passkeys/finish', { body: { name, passkey } }))
    },
    onSuccess: (made) => {
      refresh()
      if (made.recovery_codes.length > 0) setCodes(made.recovery_codes)
    },
    onError: (error) => say(whyNot(error, t), { bad: true }),
  })
  const begin = async (proof: Proof) => {
    const { publicKey } = await data(api.POST('/api/user/self/passkeys/begin', { body: proof }))
    setAdding(false)
    finish.mutate(publicKey)
  }
  const remove = async (proof: Proof) => {
    if (!removing) return
    const params = { path: { id: removing.id } as never }
    await whole(api.DELETE('/api/user/self/passkeys/{id}', { params, body: proof }))
    setRemoving(undefined)
    refresh()
  }
  const rows = passkeys.data ?? []
  const can = site?.passkey_login && passkeysWork()
  if (!can && rows.length === 0 && !passkeys.error) return null
  return (
    <Card title={t('account_passkeys')}>
      <div className="flex flex-col items-start gap-3">
        <p className="text-soft">{t('account_passkeys_say')}</p>
        {passkeys.error ? <Failure error={passkeys.error} retry={() => passkeys.refetch()} /> : null}
        <ul className="flex w-full flex-col gap-2 empty:hidden">
          {rows.map((one) => (
            <li key={one.id} className="flex items-center gap-3 rounded-md border border-line p-2">
              <div className="min-w-0 flex-1">
                <p className="font-medium break-words">{one.name}</p>
                <p className="text-xs text-soft">
                  {one.site}
                  {one.synced ? ` · ${t('account_passkey_synced')}` : ''} · {t('account_last_used')}:{' '}
                  <Time at={one.used_time} />
                </p>
              </div>
              <IconButton
                label={`${t('account_passkey_rename')}: ${one.name}`}
                onClick={() => setRenaming(one)}
              >
                <Pencil className="size-4" aria-hidden />
              </IconButton>
              <IconButton
                label={`${t('account_passkey_remove')}: ${one.name}`}
                onClick={() => setRemoving(one)}
              >
                <Trash2 className="size-4" aria-hidden />
              </IconButton>
            </li>
          ))}
        </ul>
        {can ? (
          <Button busy={finish.isPending} onClick={() => setAdding(true)}>
            {t('account_passkey_add')}
          </Button>
        ) : null}
      </div>
      {adding ? (
        <Proving
          title={t('account_passkey_add')}
          description={t('account_proof')}
          action={t('account_go_on')}
          run={begin}
          close={() => setAdding(false)}
        />
      ) : null}
      {removing ? (
        <Proving
          title={t('account_passkey_remove')}
          description={t('account_passkey_remove_says', { name: removing.name })}
          action={t('account_passkey_remove')}
          run={remove}
          close={() => setRemoving(undefined)}
        />
      ) : null}
      {renaming ? <Rename passkey={renaming} close={() => setRenaming(undefined)} /> : null}
      {codes ? <Recovery codes={codes} close={() => setCodes(undefined)} /> : null}
    </Card>
  )
}
