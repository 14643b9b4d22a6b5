// What came of adding a channel.
import { Link } from '@tanstack/react-router'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { State } from '../../ui/show'
import { usePause } from './queries'
import type { Outcome } from './save'
import { Note } from './state'

interface Props {
  outcome: Outcome
  close: () => void
  edit: (id: number) => void
}

export function AddOutcome({ outcome, close, edit }: Props) {
  const { t } = useSpeech()
  const pause = usePause()
  const { works, why, models, unpriced } = outcome
  const put = () => {
    pause.mutate({ id: outcome.id, name: outcome.name, status: 2, before: 1 })
    close()
  }
  return (
    <div className="flex flex-col gap-3" role="status">
      {works ? (
        <Note mood="good">
          {t('channel_works', { model: outcome.tried, seconds: outcome.seconds.toFixed(2) })}
        </Note>
      ) : (
        <>
          <State mood="bad">{t('channel_saved_fails')}</State>
          <p className="break-words">{models.length ? why : t('channel_no_models')}</p>
          {models.length ? <p className="text-soft">{t('channel_fails_next')}</p> : null}
        </>
      )}
      {outcome.made > 1 ? <p>{t('channel_made_many', { count: outcome.made })}</p> : null}
      {models.length ? (
        <details>
          <summary className="min-h-6">{t('channel_models_count', { count: models.length })}</summary>
          <p className="mt-1 max-h-40 overflow-auto font-mono text-xs break-words">{models.join(', ')}</p>
        </details>
      ) : null}
      {outcome.unlisted ? (
        <p className="text-soft">{t('channel_unlisted', { why: outcome.unlisted })}</p>
      ) : null}
      {models.length === 0 ? null : unpriced.length ? (
        <p>
          <Note mood="warn">{t('channel_unpriced', { count: unpriced.length })}</Note>{' '}
          <Link to="/prices" search={{}} className="text-accent underline">
            {t('channel_set_prices')}
          </Link>
        </p>
      ) : (
        <State mood="good">{t('channel_priced')}</State>
      )}
      <div className="mt-2 flex flex-wrap gap-2">
        <Button look="main" onClick={close}>
          {t('channel_done')}
        </Button>
        <Button onClick={() => edit(outcome.id)}>{t('edit')}</Button>
        {works ? null : <Button onClick={put}>{t('channel_pause')}</Button>}
      </div>
    </div>
  )
}
