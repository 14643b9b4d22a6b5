// The fields of a channel.
import { useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { api, type Schemas, whole } from '../../api/client'
import { type Key, useSpeech } from '../../i18n'
import { useDraft } from '../../lib/draft'
import { withId } from '../../lib/rows'
import { Button } from '../../ui/button'
import { useChange } from '../../ui/change'
import { explained } from '../../ui/errors'
import { Input, Select, TextArea } from '../../ui/field'
import { LimitFields } from '../../ui/limits'
import { changesOf, type Draft, draftOf, faultsOf, formerOf, shownOf } from './draft'
import { type Channel, CONCERNS, types } from './queries'

const FAULTS: Record<string, Key> = { number: 'channel_no_number', json: 'channel_no_json' }

interface Wanted {
  changes: Schemas['ChannelBody']
  /** What undoes them; null where nothing does. */
  former: Schemas['ChannelBody'] | null
  /** The form that says so. */
  draft: Draft
}

export function ChannelForm({ channel }: { channel: Channel }) {
  const { t } = useSpeech()
  const { data: all } = useQuery(types)
  const { draft, change, took } = useDraft(draftOf(channel))
  const fixed = channel.owner === 'file'
  const faults = faultsOf(draft)
  const changes = changesOf(draft, channel)
  const changed = Object.keys(changes).length > 1
  const kind = all?.find((one) => String(one.type) === draft.type)
  const save = useChange({
    run: ({ changes }: Wanted) => whole(api.PUT('/api/channel', { body: changes })),
    concerns: CONCERNS,
    shown: ({ changes }) => [[['channels'], withId<Channel>(channel.id, shownOf(changes))]],
    back: ({ former }, { data }) => former && { changes: former, former: null, draft: draftOf(data) },
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: () => `fields of channel ${channel.id}`,
    done: ({ data }, { draft }) => took(draft, draftOf(data)),
    refused: () => {},
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (Object.keys(faults).length === 0) save.mutate({ changes, former: formerOf(changes, channel), draft })
  }
  const field = (key: Exclude<keyof Draft, 'limits'>) => ({
    value: draft[key],
    disabled: fixed,
    spellCheck: false,
    error: faults[key] ? t(FAULTS[faults[key]] ?? 'channel_no_number') : undefined,
    onChange: (event: { target: { value: string } }) => change({ ...draft, [key]: event.target.value }),
  })
  const mono = 'font-mono'
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Input label={t('name')} required {...field('name')} />
        <Select label={t('channel_type')} {...field('type')}>
          {all?.map((one) => (
            <option key={one.type} value={one.type}>
              {one.name}
            </option>
          ))}
        </Select>
      </div>
      <Input
        label={t('channel_address')}
        hint={t('channel_address_keeps')}
        placeholder={kind?.base_url}
        {...field('base_url')}
      />
      {channel.key_count > 1 || fixed ? null : (
        <Input
          label={t('channel_new_key')}
          hint={
            channel.key_tail ? t('channel_key_ends', { tail: channel.key_tail }) : t('channel_has_no_key')
          }
          autoComplete="off"
          className={mono}
          {...field('key')}
        />
      )}
      <TextArea
        label={t('channel_models')}
        hint={t('channel_models_hint')}
        rows={5}
        className={mono}
        {...field('models')}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <Input label={t('channel_groups')} hint={t('channel_commas')} {...field('group')} />
        <Input label={t('channel_tags')} hint={t('channel_commas')} {...field('tags')} />
        <Input
          label={t('channel_priority')}
          hint={t('channel_priority_hint')}
          inputMode="numeric"
          {...field('priority')}
        />
        <Input
          label={t('channel_weight')}
          hint={t('channel_weight_hint')}
          inputMode="numeric"
          {...field('weight')}
        />
      </div>
      <details>
        <summary className="min-h-6 font-medium">{t('channel_more')}</summary>
        <div className="mt-3 flex flex-col gap-4">
          <TextArea
            label={t('channel_mapping')}
            hint={t('channel_mapping_hint')}
            rows={3}
            className={mono}
            placeholder='{"gpt-4o": "my-deployment"}'
            {...field('model_mapping')}
          />
          <TextArea label={t('channel_prompt')} rows={3} {...field('system_prompt')} />
          <TextArea
            label={t('channel_headers')}
            hint={t('channel_json_hint')}
            rows={2}
            className={mono}
            {...field('headers')}
          />
          <TextArea
            label={t('channel_params')}
            hint={t('channel_json_hint')}
            rows={2}
            className={mono}
            {...field('params')}
          />
          <TextArea
            label={t('channel_config')}
            hint={t('channel_config_hint')}
            rows={2}
            className={mono}
            {...field('config')}
          />
          <fieldset className="flex flex-col gap-2">
            <legend className="font-medium">{t('channel_limits')}</legend>
            <LimitFields
              draft={draft.limits}
              disabled={fixed}
              change={(limits) => change({ ...draft, limits })}
            />
          </fieldset>
        </div>
      </details>
      {save.error ? (
        <p role="alert" className="text-bad">
          {explained(save.error, t)}
        </p>
      ) : null}
      {fixed ? null : (
        <div>
          <Button
            type="submit"
            look="main"
            disabled={!changed || Object.keys(faults).length > 0}
            busy={save.isPending}
          >
            {t('save')}
          </Button>
        </div>
      )}
    </form>
  )
}
