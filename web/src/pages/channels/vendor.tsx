// What the vendor offers beside what the channel offers, and what its models can do.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { withId } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { explained } from '../../ui/errors'
import { Check } from '../../ui/field'
import { State, Time } from '../../ui/show'
import { useFailed } from '../../ui/toast'
import { type Channel, CONCERNS } from './queries'

/** Models that a channel offers from now on, and those that it did. */
interface Taken {
  models: string[]
  before: string[]
}

export function ModelDifference({ channel }: { channel: Channel }) {
  const { t } = useSpeech()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const ask = useMutation({
    mutationFn: () =>
      data(api.GET('/api/channel/{id}/vendor_models', { params: { path: { id: channel.id } } })),
    onSuccess: (told) => setChosen(new Set(told.added)),
  })
  const now = channel.models.split(',').filter(Boolean)
  const take = useChange({
    run: ({ models }: Taken) => whole(api.PUT('/api/channel', { body: { id: channel.id, models } })),
    concerns: CONCERNS,
    shown: ({ models }) => [[['channels'], withId<Channel>(channel.id, { models: models.join(',') })]],
    back: ({ models, before }) => ({ models: before, before: models }),
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => `fields of channel ${channel.id}`,
    done: ask.reset,
  })
  const toggle = (model: string) => {
    const next = new Set(chosen)
    if (!next.delete(model)) next.add(model)
    setChosen(next)
  }
  // What a mapping points at can't be taken away by the vendor's name.
  const gone = ask.data?.removed.filter((model) => channel.models.split(',').includes(model)) ?? []
  const told = ask.data
  return (
    <div className="flex flex-col gap-2">
      <div>
        <Button busy={ask.isPending} onClick={() => ask.mutate()}>
          {t('channel_ask_vendor')}
        </Button>
      </div>
      {ask.error ? (
        <p role="alert" className="text-bad">
          {explained(ask.error, t)}
        </p>
      ) : null}
      {told && told.added.length === 0 && gone.length === 0 ? (
        <p role="status">{t('channel_same_models', { count: told.models.length })}</p>
      ) : null}
      {told?.added.length ? (
        <fieldset className="flex max-h-60 flex-col overflow-auto">
          <legend className="font-medium">{t('channel_models_new', { count: told.added.length })}</legend>
          {told.added.map((model) => (
            <div key={model} className="skip-offscreen p-1">
              <Check label={model} checked={chosen.has(model)} onChange={() => toggle(model)} />
            </div>
          ))}
        </fieldset>
      ) : null}
      {gone.length ? (
        <fieldset className="flex max-h-60 flex-col overflow-auto">
          <legend className="font-medium">{t('channel_models_gone', { count: gone.length })}</legend>
          {gone.map((model) => (
            <div key={model} className="skip-offscreen p-1">
              <Check label={model} checked={chosen.has(model)} onChange={() => toggle(model)} />
            </div>
          ))}
        </fieldset>
      ) : null}
      {told && (told.added.length || gone.length) && channel.owner !== 'file' ? (
        <div>
          <Button
            look="main"
            disabled={chosen.size === 0}
            busy={take.isPending}
            onClick={() => {
              const added = told.added.filter((model) => chosen.has(model))
              take.mutate({ models: [...now.filter((model) => !chosen.has(model)), ...added], before: now })
            }}
          >
            {t('channel_models_take', { count: chosen.size })}
          </Button>
        </div>
      ) : null}
    </div>
  )
}

const MOODS = { yes: 'good', no: 'bad', unclear: 'warn' } as const
const WORDS = { yes: 'channel_can', no: 'channel_cannot', unclear: 'channel_unclear' } as const

export function Features({ channel }: { channel: Channel }) {
  const { t } = useSpeech()
  const failed = useFailed()
  const id = channel.id
  const known = useQuery({
    queryKey: ['channel', id, 'features'],
    queryFn: () => data(api.GET('/api/channel/{id}/conformance', { params: { path: { id } } })),
  })
  const check = useMutation({
    mutationFn: () => data(api.POST('/api/channel/{id}/conformance', { params: { path: { id } } })),
    onSuccess: () => known.refetch(),
    onError: failed,
  })
  return (
    <div className="flex flex-col gap-2">
      <p className="text-soft">{t('channel_check_hint')}</p>
      <div>
        <Button busy={check.isPending} onClick={() => check.mutate()}>
          {t('channel_check')}
        </Button>
      </div>
      {known.data?.length ? (
        <ul className="flex flex-col divide-y divide-line">
          {known.data.map((one) => (
            <li
              key={`${one.model} ${one.feature}`}
              className="skip-offscreen flex flex-wrap items-baseline gap-3 py-1"
            >
              <span className="font-mono text-xs">{one.model}</span>
              <span>{one.feature.replaceAll('_', ' ')}</span>
              <State mood={MOODS[one.verdict as keyof typeof MOODS] ?? 'none'}>
                {t(WORDS[one.verdict as keyof typeof WORDS] ?? 'channel_unclear')}
              </State>
              <span className="text-xs text-soft">
                {one.verdict === 'yes' ? '' : one.detail} <Time at={one.checked_at} />
              </span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  )
}
