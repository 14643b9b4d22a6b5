import { CircleAlert, RotateCw } from 'lucide-react'
import { ApiError } from '../api/client'
import { known, type Speech, useSpeech } from '../i18n'
import { Button } from './button'

/** Why something failed, in the reader's language where its code is known, else in the API's own words. */
export function explained(error: unknown, t: Speech['t']): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error)
  const key = `error_${error.code}`
  if (known(key)) return t(key, { seconds: error.retryAfter })
  return error.message || t('error_unknown')
}

/** In the place of what could not be shown. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useSpeech()
  const id = error instanceof ApiError ? error.requestId : ''
  return (
    <div
      role="alert"
      className="flex flex-col items-center gap-3 rounded-lg border border-line bg-card p-8 text-center"
    >
      <CircleAlert className="size-6 text-bad" aria-hidden />
      <p>{explained(error, t)}</p>
      {id ? <p className="font-mono text-xs text-soft">{t('request_id', { id })}</p> : null}
      {retry ? (
        <Button onClick={retry} icon={<RotateCw className="size-4" aria-hidden />}>
          {t('retry')}
        </Button>
      ) : null}
    </div>
  )
}
