// How long each part of a call took, and what was tried.
import { useSpeech } from '../../i18n'
import { State } from '../../ui/show'
import { type Detail, lasting } from './words'

export function Timeline({ detail, elapsed }: { detail: Detail; elapsed: number }) {
  const { t, language } = useSpeech()
  const timings = detail.timings ?? {}
  const total = Math.max(timings.total ?? elapsed, 1)
  const parts = [
    { name: t('log_queue'), from: 0, to: timings.admitted },
    { name: t('log_connect'), from: timings.admitted ?? 0, to: timings.connected },
    { name: t('log_first_byte'), from: timings.connected ?? timings.admitted ?? 0, to: timings.first_byte },
    { name: t('log_whole'), from: timings.first_byte ?? 0, to: timings.total ?? elapsed },
  ].filter((part): part is { name: string; from: number; to: number } => part.to !== undefined)
  return (
    <section>
      <h3 className="mb-2 font-semibold">{t('log_timeline')}</h3>
      <ol className="flex flex-col gap-2">
        {parts.map(({ name, from, to }) => (
          <li key={name} className="grid grid-cols-[1fr_auto] gap-x-3 gap-y-1">
            <span>{name}</span>
            <span className="text-right tabular-nums">{lasting(to, language)}</span>
            <span className="col-span-2 h-2 rounded bg-raised" aria-hidden>
              <span
                className="block h-2 min-w-0.5 rounded bg-accent"
                style={{
                  marginLeft: `${Math.min((from / total) * 100, 99)}%`,
                  width: `${Math.max(Math.min(((to - from) / total) * 100, 100), 0.5)}%`,
                }}
              />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

export function Attempts({ detail }: { detail: Detail }) {
  const { t, language } = useSpeech()
  const attempts = detail.attempts ?? []
  if (attempts.length === 0) return null
  return (
    <section>
      <h3 className="mb-2 font-semibold">{t('log_attempts')}</h3>
      <ol className="flex flex-col gap-2">
        {attempts.map((attempt, at) => (
          <li
            // They never move.
            key={`${at}-${attempt.channel_id}`}
            className="flex flex-col gap-1 rounded-md border border-line p-2"
          >
            <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
              <span className="font-medium">{t('log_attempt', { number: at + 1 })}</span>
              <span>
                {t('log_channel')} {attempt.channel_id}
              </span>
              <State mood={attempt.error ? 'bad' : 'good'}>
                {attempt.error ? t('log_failed') : t('log_answered')}
                {attempt.status ? ` ${attempt.status}` : ''}
              </State>
              <span className="ml-auto tabular-nums">{lasting(attempt.ms ?? 0, language)}</span>
            </div>
            {attempt.error ? (
              <p className="break-words">
                <span className="text-soft">{t('log_said')}: </span>
                {attempt.error}
              </p>
            ) : null}
          </li>
        ))}
      </ol>
    </section>
  )
}
