// From an empty server to the first answered call: one page, five steps, each of which can be left out.
import { Link } from '@tanstack/react-router'
import { Check } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import type { Schemas } from '../api/client'
import { ROLES, useMe, useSite } from '../api/session'
import { type Key, useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Failure } from '../ui/errors'
import type { Outcome } from './channels/save'
import { MakingForm } from './keys/making'
import { KeyInUse } from './keys/new-key'
import { AddressStep } from './welcome/address'
import { ChannelSays, ChannelStep } from './welcome/channel'
import { STEPS, type Step, useProgress } from './welcome/progress'
import { RequestStep } from './welcome/request'

type State = 'done' | 'now' | 'open' | 'skipped'

const MARKS: Record<State, string> = {
  done: 'border-good text-good',
  now: 'border-accent bg-accent text-on-accent',
  open: 'border-line text-soft',
  skipped: 'border-line text-soft',
}

interface Shown {
  number: number
  title: string
  state: State
  open: () => void
  children: ReactNode
}

/** A step: its number, what has become of it, and what is to be done where it is its turn. */
function StepCard({ number, title, state, open, children }: Shown) {
  const { t } = useSpeech()
  const place = useRef<HTMLLIElement>(null)
  // What was pressed last is gone: whoever uses the keyboard goes on here.
  useEffect(() => {
    if (state === 'now' && document.activeElement === document.body) place.current?.focus()
  }, [state])
  return (
    <li
      ref={place}
      tabIndex={-1}
      aria-current={state === 'now' ? 'step' : undefined}
      className={`rounded-lg border bg-card outline-none ${state === 'now' ? 'border-accent' : 'border-line'}`}
    >
      <div className="flex flex-wrap items-center gap-3 px-4 py-2.5">
        <span
          aria-hidden
          className={`inline-flex size-6 shrink-0 items-center justify-center rounded-full border text-xs font-semibold ${MARKS[state]}`}
        >
          {state === 'done' ? <Check className="size-3.5" /> : number}
        </span>
        <h2 className="flex-1 font-semibold">{title}</h2>
        <span className="text-soft">{t(`welcome_step_${state}` as Key)}</span>
        {state === 'open' || state === 'skipped' ? (
          <Button look="quiet" onClick={open} aria-label={`${t('welcome_open')}: ${title}`}>
            {t('welcome_open')}
          </Button>
        ) : null}
      </div>
      <div className="border-t border-line p-4 empty:hidden">{children}</div>
    </li>
  )
}

/** The key that was just made is what comes next, for whoever uses the keyboard as well. */
function NewKey({ token, model }: { token: Schemas['Token']; model: string | undefined }) {
  const { t } = useSpeech()
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => place.current?.focus(), [])
  return (
    <div ref={place} tabIndex={-1} className="flex flex-col gap-3 outline-none">
      <p className="text-soft">{t('key_once')}</p>
      <KeyInUse token={token} model={model} />
    </div>
  )
}

export function Welcome() {
  const { t } = useSpeech()
  const me = useMe()
  const site = useSite()
  const [skipped, setSkipped] = useState<ReadonlySet<Step>>(new Set())
  const [chosen, setChosen] = useState<Step>()
  const [outcome, setOutcome] = useState<Outcome>()
  const [token, setToken] = useState<Schemas['Token']>()
  const [another, setAnother] = useState(false)
  const [patient, setPatient] = useState(true)
  const [reached, setReached] = useState(false)
  const progress = useProgress(reached && patient)
  if (me.role < ROLES.root) return <p>{t('error_forbidden')}</p>
  if (progress.error) return <Failure error={progress.error} retry={progress.retry} />
  if (progress.pending) return null

  // A channel that failed its test is there, and not done until somebody says so.
  const done = { ...progress.done, channel: progress.done.channel && outcome?.works !== false }
  const now = chosen ?? STEPS.find((step) => !done[step] && !skipped.has(step))
  if (now === 'request' && !reached) setReached(true)
  const skip = (step: Step) => {
    setSkipped(new Set([...skipped, step]))
    setChosen(undefined)
  }
  const tell = (told: Outcome | undefined) => {
    setOutcome(told)
    if (told?.works) setChosen(undefined)
  }
  const bodies: Record<Step, ReactNode> = {
    account: (
      <p>
        {t('welcome_account_hint')}{' '}
        <Link to="/account" search={{}} className="rounded text-accent underline underline-offset-4">
          {t('welcome_account_more')}
        </Link>
      </p>
    ),
    address: now === 'address' ? <AddressStep skip={() => skip('address')} /> : null,
    channel:
      now === 'channel' ? (
        <ChannelStep outcome={outcome} tell={tell} skip={() => skip('channel')} />
      ) : outcome ? (
        <ChannelSays outcome={outcome} />
      ) : null,
    key: token ? (
      <NewKey token={token} model={outcome?.tried} />
    ) : now === 'key' || another ? (
      <div className="flex max-w-xl flex-col gap-4">
        <p className="text-soft">{t('welcome_key_hint')}</p>
        <MakingForm
          made={(made) => {
            setToken(made)
            setChosen(undefined)
          }}
        />
        <div>
          <Button
            onClick={() => {
              setAnother(false)
              skip('key')
            }}
          >
            {t('welcome_skip')}
          </Button>
        </div>
      </div>
    ) : done.key && !done.request ? (
      <div className="flex flex-wrap items-center gap-3">
        <p className="text-soft">{t('welcome_key_there')}</p>
        <Button onClick={() => setAnother(true)}>{t('welcome_key_another')}</Button>
      </div>
    ) : null,
    request:
      now === 'request' || progress.done.request ? (
        <RequestStep call={progress.call} waiting={patient} wait={setPatient} />
      ) : null,
  }
  const stateOf = (step: Step): State =>
    step === now ? 'now' : done[step] ? 'done' : skipped.has(step) ? 'skipped' : 'open'
  return (
    <div className="flex w-full max-w-3xl flex-col gap-4">
      <h1 className="text-xl font-semibold">{t('welcome_title', { name: site?.system_name || 'MAGIC' })}</h1>
      <p role="status">
        {t('welcome_says', { done: STEPS.filter((step) => done[step]).length, all: STEPS.length })}
      </p>
      <ol className="flex flex-col gap-3">
        {STEPS.map((step, at) => (
          <StepCard
            key={step}
            number={at + 1}
            title={t(`welcome_${step}`)}
            state={stateOf(step)}
            open={() => setChosen(step)}
          >
            {bodies[step]}
          </StepCard>
        ))}
      </ol>
    </div>
  )
}
