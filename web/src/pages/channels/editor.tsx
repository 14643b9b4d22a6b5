// A channel in a drawer: what it is, whether it works, what can be done with it.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { quotaUsd } from '../../lib/money'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/confirm'
import { Dialog } from '../../ui/dialog'
import { Failure } from '../../ui/errors'
import { Money, State } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'
import { ChannelForm } from './form'
import { ChannelKeys } from './keys'
import { type Channel, switched, tested, usePause, useRefresh } from './queries'
import { ChannelState } from './state'
import { Features, ModelDifference } from './vendor'
import { modelToTry } from './vendors'

function Actions({
  channel,
  close,
  open,
}: {
  channel: Channel
  close: () => void
  open: (id: number) => void
}) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const refresh = useRefresh()
  const pause = usePause()
  const [deleting, setDeleting] = useState(false)
  const { id, name } = channel
  const fixed = channel.owner === 'file'
  const test = useMutation({
    mutationFn: () => tested(id, modelToTry(channel.models.split(',').filter(Boolean))),
    onSuccess: refresh,
    onError: failed,
  })
  const balance = useMutation({
    mutationFn: () => whole(api.GET('/api/channel/update_balance/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: failed,
  })
  const copy = useMutation({
    mutationFn: () => data(api.POST('/api/channel/{id}/copy', { params: { path: { id } }, body: {} })),
    onSuccess: (made) => {
      refresh()
      say(t('channel_copied', { name: made.name }))
      open(made.id)
    },
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: () => whole(api.DELETE('/api/channel/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      refresh()
      say(t('channel_deleted', { name }))
      close()
    },
    onError: failed,
  })
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <ChannelState channel={channel} />
        <span className="text-soft">
          {t('channel_used')} <Money usd={quotaUsd(channel.used_quota)} />
        </span>
        {fixed ? <span className="text-soft">{t('from_file')}</span> : null}
      </div>
      <div className="flex flex-wrap gap-2">
        <Button busy={test.isPending} onClick={() => test.mutate()}>
          {t('channel_test')}
        </Button>
        <Button busy={balance.isPending} onClick={() => balance.mutate()}>
          {t('channel_balance_ask')}
        </Button>
        <Button busy={copy.isPending} onClick={() => copy.mutate()}>
          {t('channel_copy')}
        </Button>
        {fixed ? null : (
          <>
            <Button onClick={() => pause.mutate(switched(channel))}>
              {channel.status === 1 ? t('channel_pause') : t('channel_resume')}
            </Button>
            <Button look="danger" onClick={() => setDeleting(true)}>
              {t('delete')}
            </Button>
          </>
        )}
      </div>
      <div role="status">
        {test.data ? (
          test.data.success ? (
            <State mood="good">
              {t('channel_works', { model: test.data.modelName, seconds: test.data.time.toFixed(2) })}
            </State>
          ) : (
            <p className="break-words text-bad">
              {t('channel_test_failed', { model: test.data.modelName, why: test.data.message })}
            </p>
          )
        ) : null}
        {balance.data ? <p>{t('channel_balance_is', { amount: balance.data.balance.toFixed(2) })}</p> : null}
      </div>
      {deleting ? (
        <Confirm
          danger
          title={t('channel_delete', { name })}
          description={t('channel_delete_hint')}
          action={t('delete')}
          busy={remove.isPending}
          run={() => remove.mutate()}
          close={() => setDeleting(false)}
        />
      ) : null}
    </div>
  )
}

interface Props {
  id: number
  close: () => void
  open: (id: number) => void
}

export function Editor({ id, close, open }: Props) {
  const { t } = useSpeech()
  const channel = useQuery({
    queryKey: ['channel', id, 'one'],
    queryFn: () => data(api.GET('/api/channel/{id}', { params: { path: { id } } })),
  })
  const one = channel.data
  const part = 'flex flex-col gap-3 border-t border-line pt-4'
  return (
    <Dialog open onOpenChange={(shown) => !shown && close()} title={one?.name ?? t('channels')} side>
      {channel.error ? <Failure error={channel.error} retry={() => channel.refetch()} /> : null}
      {one ? (
        <div className="flex flex-col gap-5">
          <Actions key={one.id} channel={one} close={close} open={open} />
          <section className={part}>
            <h3 className="font-semibold">{t('channel_settings')}</h3>
            <ChannelForm key={one.id} channel={one} />
          </section>
          <section className={part}>
            <h3 className="font-semibold">{t('channel_vendor_models')}</h3>
            <ModelDifference key={one.id} channel={one} />
          </section>
          <section className={part}>
            <h3 className="font-semibold">{t('channel_keys')}</h3>
            <ChannelKeys key={one.id} channel={one} />
          </section>
          <section className={part}>
            <h3 className="font-semibold">{t('channel_features')}</h3>
            <Features key={one.id} channel={one} />
          </section>
        </div>
      ) : null}
    </Dialog>
  )
}
