// Adding a channel: a pasted key is enough where its vendor can be told from it.
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { explained } from '../../ui/errors'
import { Check, Input, Select, TextArea } from '../../ui/field'
import { AddOutcome } from './outcome'
import { groupNames, knownModels, types, useRefresh } from './queries'
import { makeAndTest, type Outcome } from './save'
import { COMPATIBLE, names, typeOfKey } from './vendors'

/** `made` hears what came of it. */
export function AddForm({ made }: { made: (outcome: Outcome) => void }) {
  const { t } = useSpeech()
  const refresh = useRefresh()
  const { data: all } = useQuery(types)
  const { data: known } = useQuery(knownModels)
  const { data: groups } = useQuery(groupNames)
  const [key, setKey] = useState('')
  const [picked, setPicked] = useState<number | null>(null)
  const [name, setName] = useState('')
  const [address, setAddress] = useState('')
  const [models, setModels] = useState('')
  const [group, setGroup] = useState('default')
  const [together, setTogether] = useState(true)
  const type = picked ?? typeOfKey(key) ?? COMPATIBLE
  const kind = all?.find((one) => one.type === type)
  const lines = key.split('\n').filter((line) => line.trim()).length
  const wantsAddress = kind !== undefined && kind.base_url === ''
  const make = useMutation({
    mutationFn: () =>
      makeAndTest(
        {
          type,
          key: key.trim(),
          name: name.trim() || (kind?.name ?? t('channels')),
          base_url: address.trim(),
          group,
          ...(lines > 1 && together ? { multi_key: true } : {}),
        },
        names(models),
        known?.[String(type)] ?? [],
      ),
    onSuccess: made,
    onSettled: refresh,
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextArea
        label={t('channel_key')}
        hint={t('channel_key_hint')}
        rows={2}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        className="font-mono"
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      {lines > 1 ? (
        <Check
          label={t('channel_keys_together', { count: lines })}
          checked={together}
          onChange={(event) => setTogether(event.target.checked)}
        />
      ) : null}
      <Select
        label={t('channel_type')}
        hint={key.trim() && picked === null && typeOfKey(key) ? t('channel_type_guessed') : undefined}
        value={type}
        onChange={(event) => setPicked(Number(event.target.value))}
      >
        {all?.map((one) => (
          <option key={one.type} value={one.type}>
            {one.name}
          </option>
        ))}
      </Select>
      {wantsAddress ? (
        <Input
          label={t('channel_address')}
          hint={t('channel_address_hint')}
          type="url"
          required
          placeholder="https://"
          value={address}
          onChange={(event) => setAddress(event.target.value)}
        />
      ) : null}
      <details className="flex flex-col gap-4">
        <summary className="min-h-6 font-medium">{t('channel_more')}</summary>
        <div className="mt-3 flex flex-col gap-4">
          <Input
            label={t('name')}
            placeholder={kind?.name}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          {wantsAddress ? null : (
            <Input
              label={t('channel_address')}
              type="url"
              placeholder={kind?.base_url}
              value={address}
              onChange={(event) => setAddress(event.target.value)}
            />
          )}
          <TextArea
            label={t('channel_models')}
            hint={t('channel_models_add_hint')}
            rows={3}
            spellCheck={false}
            className="font-mono"
            value={models}
            onChange={(event) => setModels(event.target.value)}
          />
          <Select label={t('channel_group')} value={group} onChange={(event) => setGroup(event.target.value)}>
            {(groups ?? ['default']).map((one) => (
              <option key={one}>{one}</option>
            ))}
          </Select>
        </div>
      </details>
      {make.error ? (
        <p role="alert" className="text-bad">
          {explained(make.error, t)}
        </p>
      ) : null}
      <div>
        <Button type="submit" look="main" busy={make.isPending}>
          {t('channel_test_save')}
        </Button>
      </div>
    </form>
  )
}

export function Add({ close, edit }: { close: () => void; edit: (id: number) => void }) {
  const { t } = useSpeech()
  const [outcome, setOutcome] = useState<Outcome>()
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={t('channel_add')} side>
      {outcome ? <AddOutcome outcome={outcome} close={close} edit={edit} /> : <AddForm made={setOutcome} />}
    </Dialog>
  )
}
