// The first channel: a pasted key, and whether it works.
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { State } from '../../ui/show'
import { useFailed } from '../../ui/toast'
import { AddForm } from '../channels/add'
import { useRefresh } from '../channels/queries'
import type { Outcome } from '../channels/save'
import { Note } from '../channels/state'

interface Props {
  outcome: Outcome | undefined
  tell: (outcome: Outcome | undefined) => void
  skip: () => void
}

/** What there is to know of a channel that was made here. */
export function ChannelSays({ outcome }: { outcome: Outcome }) {
  const { t } = useSpeech()
  const { works, why, models, unpriced } = outcome
  return (
    <div role="status" className="flex flex-col gap-1">
      {works ? (
        <Note mood="good">
          {t('channel_works', { model: outcome.tried, seconds: outcome.seconds.toFixed(2) })}
        </Note>
      ) : (
        <>
          <State mood="bad">{t('channel_saved_fails')}</State>
          <p className="break-words">{models.length ? why : t('channel_no_models')}</p>
        </>
      )}
      {unpriced.length ? (
        <p>
          <Note mood="warn">{t('channel_unpriced', { count: unpriced.length })}</Note>{' '}
          <Link to="/prices" search={{}} className="text-accent underline">
            {t('channel_set_prices')}
          </Link>
        </p>
      ) : null}
    </div>
  )
}

export function ChannelStep({ outcome, tell, skip }: Props) {
  const { t } = useSpeech()
  const failed = useFailed()
  const refresh = useRefresh()
  const remove = useMutation({
    mutationFn: (id: number) => whole(api.DELETE('/api/channel/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      tell(undefined)
      return refresh()
    },
    onError: failed,
  })
  if (outcome && !outcome.works)
    return (
      <div className="flex flex-col gap-3">
        <ChannelSays outcome={outcome} />
        <div className="flex flex-wrap gap-2">
          <Button look="main" busy={remove.isPending} onClick={() => remove.mutate(outcome.id)}>
            {t('welcome_channel_again')}
          </Button>
          <Button onClick={skip}>{t('welcome_skip')}</Button>
        </div>
      </div>
    )
  return (
    <div className="flex max-w-xl flex-col gap-4">
      <p className="text-soft">{t('welcome_channel_hint')}</p>
      <AddForm made={tell} />
      <div>
        <Button onClick={skip}>{t('welcome_skip')}</Button>
      </div>
    </div>
  )
}
