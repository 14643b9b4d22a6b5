// Where the account is signed in.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Failure } from '../../ui/errors'
import { Card, State, Time } from '../../ui/show'
import { useFailed, useSay } from '../../ui/toast'

/** The browser of a `User-Agent`, in as few words as tell it apart. */
function agentOf(text: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)[/\w]*/.exec(text)?.[1]
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(text)?.[1]
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' }
  const parts = [browser, system].filter((part): part is string => part !== undefined)
  return parts.map((part) => names[part] ?? part).join(', ') || text.slice(0, 60)
}

export function Sessions() {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const queries = useQueryClient()
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: () => data(api.GET('/api/user/sessions')) })
  const refresh = () => queries.invalidateQueries({ queryKey: ['sessions'] })
  const end = useMutation({
    mutationFn: (id: string) =>
      whole(api.DELETE('/api/user/sessions/{id}', { params: { path: { id } as never } })),
    onSuccess: refresh,
    onError: failed,
  })
  const endOthers = useMutation({
    mutationFn: () => data(api.DELETE('/api/user/sessions')),
    onSuccess: (count) => {
      refresh()
      say(t('account_sessions_ended', { count }))
    },
    onError: failed,
  })
  const rows = sessions.data ?? []
  const others = rows.some((one) => !one.current)
  return (
    <Card
      title={t('account_sessions')}
      actions={
        others ? (
          <Button busy={endOthers.isPending} onClick={() => endOthers.mutate()}>
            {t('account_sessions_end')}
          </Button>
        ) : null
      }
    >
      {sessions.error ? <Failure error={sessions.error} retry={() => sessions.refetch()} /> : null}
      <ul className="flex flex-col gap-2 empty:hidden">
        {rows.map((one) => (
          <li key={one.id} className="flex items-center gap-3 rounded-md border border-line p-2">
            <div className="min-w-0 flex-1">
              <p className="break-words" title={one.agent}>
                {agentOf(one.agent)} · {one.ip}
              </p>
              <p className="text-xs text-soft">
                {t('account_session_seen')}: <Time at={one.seen_time} /> · {t('account_session_since')}:{' '}
                <Time at={one.created_time} />
              </p>
            </div>
            {one.current ? (
              <State mood="good">{t('account_session_this')}</State>
            ) : (
              <Button busy={end.isPending && end.variables === one.id} onClick={() => end.mutate(one.id)}>
                {t('account_session_end')}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Card>
  )
}
