// Several keys of one channel: each with its own state.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { quotaUsd } from '../../lib/money'
import { withId } from '../../lib/rows'
import { Button, IconButton } from '../../ui/button'
import { useChange } from '../../ui/change'
import { Confirm } from '../../ui/confirm'
import { Failure } from '../../ui/errors'
import { TextArea } from '../../ui/field'
import { Money } from '../../ui/show'
import { useFailed } from '../../ui/toast'
import { type Channel, CONCERNS, useRefresh } from './queries'
import { ChannelState } from './state'

export function ChannelKeys({ channel }: { channel: Channel }) {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const refresh = useRefresh()
  const [more, setMore] = useState('')
  const [deleting, setDeleting] = useState<{ id: number; tail: string } | null>(null)
  const id = channel.id
  const fixed = channel.owner === 'file'
  const keys = useQuery({
    queryKey: ['channel', id, 'keys'],
    queryFn: () => data(api.GET('/api/channel/{id}/keys', { params: { path: { id } } })),
  })
  const after = {
    onSuccess: (now: typeof keys.data) => {
      queries.setQueryData(['channel', id, 'keys'], now)
      setDeleting(null)
      refresh()
    },
    onError: failed,
  }
  const add = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/channel/{id}/keys', {
          params: { path: { id } },
          body: {
            keys: more
              .split('\n')
              .map((line) => line.trim())
              .filter(Boolean),
          },
        }),
      ),
    ...after,
    onSuccess: (now) => {
      setMore('')
      after.onSuccess(now)
    },
  })
  const set = useChange({
    run: ({ key, status }: { key: number; status: number; before: number }) =>
      data(api.PUT('/api/channel/{id}/keys/{key}', { params: { path: { id, key } }, body: { status } })),
    concerns: CONCERNS,
    shown: ({ key, status }) => [
      [['channel', id, 'keys'], withId<{ id: number; status: number }>(key, { status })],
    ],
    // Only the gateway disables a key after failures.
    back: ({ key, status, before }) => (before === 3 ? null : { key, status: before, before: status }),
    says: (_wanted, _told, undoing) => t(undoing ? 'undone' : 'saved'),
    about: ({ key }) => `key ${key} of channel ${id}`,
  })
  const remove = useMutation({
    mutationFn: (key: number) =>
      data(api.DELETE('/api/channel/{id}/keys/{key}', { params: { path: { id, key } } })),
    ...after,
  })
  if (keys.error) return <Failure error={keys.error} retry={() => keys.refetch()} />
  return (
    <div className="flex flex-col gap-3">
      <ul className="flex flex-col divide-y divide-line">
        {keys.data?.map((key) => (
          <li key={key.id} className="flex flex-wrap items-center gap-3 py-1.5">
            <code className="font-mono text-xs">…{key.tail}</code>
            <ChannelState channel={{ status: key.status, health: key.health, disabled_reason: key.reason }} />
            <span className="text-soft">
              <Money usd={quotaUsd(key.used_quota)} />
            </span>
            <span className="flex-1" />
            {fixed || key.id === 0 ? null : (
              <>
                <Button
                  look="quiet"
                  onClick={() =>
                    set.mutate({ key: key.id, status: key.status === 1 ? 2 : 1, before: key.status })
                  }
                >
                  {key.status === 1 ? t('channel_pause') : t('channel_resume')}
                </Button>
                <IconButton
                  label={t('channel_delete_key', { tail: key.tail })}
                  onClick={() => setDeleting(key)}
                >
                  <Trash2 className="size-4" aria-hidden />
                </IconButton>
              </>
            )}
          </li>
        ))}
      </ul>
      {fixed ? null : (
        <div className="flex flex-col gap-2">
          <TextArea
            label={t('channel_add_keys')}
            hint={t('channel_add_keys_hint')}
            rows={2}
            autoComplete="off"
            spellCheck={false}
            className="font-mono"
            value={more}
            onChange={(event) => setMore(event.target.value)}
          />
          <div>
            <Button disabled={!more.trim()} busy={add.isPending} onClick={() => add.mutate()}>
              {t('channel_add_keys_do')}
            </Button>
          </div>
        </div>
      )}
      {deleting ? (
        <Confirm
          danger
          title={t('channel_delete_key', { tail: deleting.tail })}
          description={t('channel_delete_key_hint')}
          action={t('delete')}
          busy={remove.isPending}
          run={() => remove.mutate(deleting.id)}
          close={() => setDeleting(null)}
        />
      ) : null}
    </div>
  )
}
