// The proof that the books are right: what the last one said, and another one.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { api, data, type Schemas } from '../../api/client'
import { known, useSpeech } from '../../i18n'
import { usd } from '../../lib/money'
import { ago } from '../../lib/time'
import { Button } from '../../ui/button'
import { explained, Failure } from '../../ui/errors'
import { State } from '../../ui/show'

type Check = Schemas['ProofCheck']

function Outcome({ checks }: { checks: Check[] }) {
  const { t } = useSpeech()
  return (
    <ul className="flex flex-col divide-y divide-line">
      {checks.map((check) => {
        const key = `ledger_check_${check.name}`
        return (
          <li key={check.name} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 py-1.5">
            <span className="w-32 shrink-0">
              <State mood={check.ok ? 'good' : 'bad'}>
                {t(check.ok ? 'ledger_holds' : 'ledger_violated')}
              </State>
            </span>
            <span className="min-w-48 flex-1">{known(key) ? t(key) : check.what}</span>
            {check.detail ? (
              <code className="w-full font-mono text-xs break-all text-bad">{check.detail}</code>
            ) : null}
          </li>
        )
      })}
    </ul>
  )
}

export function Proof() {
  const { t, language } = useSpeech()
  const queries = useQueryClient()
  const books = useQuery({
    queryKey: ['books'],
    queryFn: () => data(api.GET('/api/ledger/verify')),
    // A proof that takes longer than its asker was kept waiting, or that somebody else has begun.
    refetchInterval: (query) => (query.state.data?.running ? 2_000 : false),
  })
  const verify = useMutation({
    mutationFn: () => data(api.POST('/api/ledger/verify')),
    onSuccess: (told) => queries.setQueryData(['books'], told),
    onError: () => books.refetch(),
  })
  if (books.error && !books.data) return <Failure error={books.error} retry={() => books.refetch()} />
  const told = books.data
  if (!told) return null
  const last = told.last
  const broken = last?.checks.filter((check) => !check.ok).length ?? 0
  const when = last ? ago(last.ended_at, language) : ''
  const busy = verify.isPending || told.running
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="min-w-0 flex-1 basis-80">
          {t('ledger_says', { count: told.users, sum: usd(told.balances_usd, language) })}{' '}
          {!last
            ? t('ledger_never')
            : broken
              ? t('ledger_bad', { count: broken, all: last.checks.length, when })
              : t('ledger_good', { all: last.checks.length, when })}
        </p>
        <Button
          look="main"
          busy={busy}
          icon={<ShieldCheck className="size-4" aria-hidden />}
          onClick={() => verify.mutate()}
        >
          {t('ledger_check')}
        </Button>
      </div>
      <div role="status">
        {busy ? <p className="text-soft">{t('ledger_checking')}</p> : null}
        {verify.error && !busy ? <p className="text-bad">{explained(verify.error, t)}</p> : null}
      </div>
      {last && !busy ? (
        // One that was just asked for, or that found something, is there to be read.
        <details
          key={`${last.ended_at}`}
          open={broken > 0 || verify.isSuccess}
          className="rounded-lg border border-line bg-card px-4 py-2"
        >
          <summary className="min-h-6 cursor-pointer font-medium">{t('ledger_outcome')}</summary>
          <div className="mt-2">
            <Outcome checks={last.checks} />
          </div>
        </details>
      ) : null}
    </>
  )
}
