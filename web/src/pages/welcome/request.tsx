// Waiting for the first call, and what came of it.
import { Link } from '@tanstack/react-router'
import { LoaderCircle } from 'lucide-react'
import { useEffect } from 'react'
import { useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { Button } from '../../ui/button'
import { isFailed, type Log, lasting, whyOf } from '../logs/words'

const PATIENCE = 600_000

interface Props {
  call: Log | undefined
  waiting: boolean
  wait: (waiting: boolean) => void
}

export function RequestStep({ call, waiting, wait }: Props) {
  const { t, language } = useSpeech()
  useEffect(() => {
    if (!waiting) return
    const timer = setTimeout(() => wait(false), PATIENCE)
    return () => clearTimeout(timer)
  }, [waiting, wait])
  if (call && !isFailed(call))
    return (
      <div className="flex flex-col items-start gap-3">
        <p role="status" className="text-good">
          {t('welcome_done', {
            model: call.model_name,
            time: lasting(call.elapsed_time, language),
            cost: usd(call.cost_usd, language),
          })}
        </p>
        <Link
          to="/"
          className="inline-flex min-h-8 items-center rounded-md bg-accent px-3 font-medium text-on-accent max-md:min-h-11"
        >
          {t('welcome_finish')}
        </Link>
      </div>
    )
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-soft">{t('welcome_request_hint')}</p>
      {call ? (
        <p role="status" className="text-bad">
          {t('welcome_call_failed', { why: whyOf(call, t) })}{' '}
          <Link to="/logs" search={{ request: call.request_id } as never} className="text-accent underline">
            {t('welcome_call_why')}
          </Link>
        </p>
      ) : null}
      {waiting ? (
        <p role="status" className="flex items-center gap-2">
          <LoaderCircle className="size-4 animate-spin text-accent" aria-hidden />
          {t('welcome_call_waiting')}
        </p>
      ) : (
        <div className="flex flex-wrap items-center gap-3">
          <p role="status">{t('welcome_call_stopped')}</p>
          <Button onClick={() => wait(true)}>{t('welcome_look')}</Button>
        </div>
      )}
    </div>
  )
}
