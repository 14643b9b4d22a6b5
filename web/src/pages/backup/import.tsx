// Bringing a one-api installation here: look first, then import, with its progress.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Search } from 'lucide-react'
import { useEffect, useState } from 'react'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { exact } from '../../lib/money'
import { ago } from '../../lib/time'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/confirm'
import { explained, Failure } from '../../ui/errors'
import { Check, Input } from '../../ui/field'
import { Card } from '../../ui/show'
import { Reported } from './report'
import { fresh, type Import, kindOf } from './words'

function Progress({ state }: { state: Import }) {
  const { t, language } = useSpeech()
  const kind = kindOf(state.kind)
  const name = kind ? t(`backup_kind_${kind}`) : ''
  const says = t(state.dry_run ? 'backup_running_dry' : 'backup_running', { from: state.from })
  const done = exact(state.done, language)
  return (
    <div className="flex max-w-xl flex-col gap-2">
      <p>{says}</p>
      <progress
        aria-label={says}
        className="h-2 w-full accent-accent"
        {...(state.all > 0 ? { max: state.all, value: state.done } : {})}
      />
      <p className="min-h-5 text-soft tabular-nums">
        {!name
          ? null
          : state.all > 0
            ? t('backup_running_of', { kind: name, done, all: exact(state.all, language) })
            : t('backup_running_some', { kind: name, done })}
      </p>
    </div>
  )
}

/** How the last one ended, in a sentence. */
function Ended({ state }: { state: Import }) {
  const { t, language } = useSpeech()
  const { from, report } = state
  if (state.state === 'failed')
    return (
      <div role="alert" className="flex flex-col gap-1">
        <p className="break-words text-bad">{t('backup_failed', { from, why: state.error })}</p>
        {state.dry_run ? null : <p className="text-soft">{t('backup_failed_hint')}</p>}
      </div>
    )
  if (!report) return null
  const what = fresh(report, t, language)
  if (state.dry_run) return <p>{t(what ? 'backup_looked' : 'backup_nothing', { from })}</p>
  const when = ago(state.ended, language)
  return (
    <p className="flex items-baseline gap-1.5">
      <span aria-hidden className="text-good">
        ●
      </span>
      {what ? t('backup_done', { when, what, from }) : t('backup_done_nothing', { when, from })}
    </p>
  )
}

export function Bring() {
  const { t, language } = useSpeech()
  const queries = useQueryClient()
  const [from, setFrom] = useState('')
  const [logsFrom, setLogsFrom] = useState('')
  const [withLogs, setWithLogs] = useState(true)
  const [another, setAnother] = useState(false)
  /** What was looked at last: only that can be imported. */
  const [looked, setLooked] = useState('')
  const [asking, setAsking] = useState(false)
  const state = useQuery({
    queryKey: ['import'],
    queryFn: () => data(api.GET('/api/import')),
    refetchInterval: (query) => (query.state.data?.state === 'running' ? 1_000 : false),
  })
  const source = {
    from: from.trim(),
    with_logs: withLogs,
    another,
    ...(withLogs && logsFrom.trim() ? { logs_from: logsFrom.trim() } : {}),
  }
  const begin = useMutation({
    mutationFn: (dry_run: boolean) => data(api.POST('/api/import', { body: { ...source, dry_run } })),
    onSuccess: (told, dry) => {
      queries.setQueryData(['import'], told)
      setLooked(dry ? JSON.stringify(source) : '')
      setAsking(false)
    },
    onError: () => setAsking(false),
  })
  const told = state.data
  const ended = told?.state === 'done' && !told.dry_run ? told.ended : 0
  useEffect(() => {
    // What came with it is on other pages; those ask anew.
    if (ended) queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'import' })
  }, [ended, queries])
  if (state.error && !told) return <Failure error={state.error} retry={() => state.refetch()} />
  if (!told) return null
  const running = told.state === 'running'
  const what = told.report && told.dry_run ? fresh(told.report, t, language) : ''
  const ready = told.state === 'done' && looked !== '' && looked === JSON.stringify(source) && what !== ''
  return (
    <Card title={t('backup_import_title')}>
      <div className="flex flex-col gap-4">
        <form
          className="flex max-w-2xl flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault()
            if (source.from && !running) begin.mutate(true)
          }}
        >
          <Input
            label={t('backup_from')}
            hint={
              <>
                {t('backup_from_hint')}
                <code className="mt-1 block font-mono break-all">/data/one-api.db</code>
                <code className="block font-mono break-all">root:password@tcp(host:3306)/oneapi</code>
                <code className="block font-mono break-all">postgres://user:password@host/oneapi</code>
              </>
            }
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={from}
            onChange={(event) => setFrom(event.target.value)}
          />
          <Check
            label={t('backup_with_logs')}
            checked={withLogs}
            onChange={(event) => setWithLogs(event.target.checked)}
          />
          <details>
            <summary className="min-h-6 cursor-pointer font-medium">{t('backup_more')}</summary>
            <div className="mt-3 flex flex-col gap-3">
              <Input
                label={t('backup_logs_from')}
                hint={t('backup_logs_from_hint')}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                disabled={!withLogs}
                value={logsFrom}
                onChange={(event) => setLogsFrom(event.target.value)}
              />
              <div className="flex flex-col gap-1">
                <Check
                  label={t('backup_another')}
                  checked={another}
                  onChange={(event) => setAnother(event.target.checked)}
                />
                <p className="text-xs text-soft">{t('backup_another_hint')}</p>
              </div>
            </div>
          </details>
          <div className="flex flex-wrap items-center gap-3">
            <Button
              type="submit"
              look={ready ? 'plain' : 'main'}
              disabled={!source.from || running}
              busy={begin.isPending}
              icon={<Search className="size-4" aria-hidden />}
            >
              {t('backup_look')}
            </Button>
            <span className="text-soft">{t('backup_look_hint')}</span>
          </div>
          {begin.error ? (
            <p role="alert" className="break-words text-bad">
              {explained(begin.error, t)}
            </p>
          ) : null}
        </form>
        <div role="status" className="flex flex-col gap-4">
          {running ? <Progress state={told} /> : <Ended state={told} />}
        </div>
        {!running && told.report ? <Reported report={told.report} dry={told.dry_run} /> : null}
        {ready ? (
          <div>
            <Button look="main" onClick={() => setAsking(true)}>
              {t('backup_import', { what })}
            </Button>
          </div>
        ) : null}
      </div>
      {asking ? (
        <Confirm
          title={t('backup_import_confirm', { from: told.from })}
          description={t('backup_import_hint')}
          action={t('backup_import', { what })}
          busy={begin.isPending}
          run={() => begin.mutate(false)}
          close={() => setAsking(false)}
        />
      ) : null}
    </Card>
  )
}
