// The first page that a visitor sees: the operator's own, or what this is and how to begin.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Activity, CircleDollarSign } from 'lucide-react'
import type { ReactNode } from 'react'
import { useSite } from '../../api/session'
import { catalogue, health, homeText } from '../../api/visitors'
import { useSpeech } from '../../i18n'
import { Notice } from '../../ui/notice'
import { Code, CopyButton } from '../../ui/show'
import { modelToTry } from '../channels/vendors'
import { SNIPPETS } from '../keys/snippets'
import { OperatorPage } from './operator'
import { MAIN, PLAIN } from './shell'
import { useHealthSays } from './words'

const KEY = 'sk-YOUR-KEY'

function Way({
  to,
  icon,
  title,
  children,
}: {
  to: string
  icon: ReactNode
  title: string
  children: ReactNode
}) {
  return (
    <li className="rounded-lg border border-line bg-card p-4">
      <h2 className="flex items-center gap-2 font-semibold">
        <span className="text-accent">{icon}</span>
        <Link to={to} search={{}} className="rounded underline decoration-line underline-offset-4">
          {title}
        </Link>
      </h2>
      <p className="mt-1 text-soft">{children}</p>
    </li>
  )
}

function Standard({ name }: { name: string }) {
  const { t } = useSpeech()
  const site = useSite()
  const says = useHealthSays()
  const { data: offer } = useQuery(catalogue)
  const { data: told } = useQuery(health)
  const address = `${location.origin}/v1`
  const priced = offer?.models.filter((one) => one.price) ?? []
  const model = modelToTry(priced.map((one) => one.model)) ?? 'gpt-4o-mini'
  const vendors = new Set(offer?.models.map((one) => one.vendor).filter(Boolean)).size
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-8 p-4 md:py-12">
      <div className="grid items-start gap-8 lg:grid-cols-[5fr_6fr]">
        <div className="flex flex-col gap-5">
          <h1 className="text-3xl font-semibold tracking-tight text-balance break-words">{name}</h1>
          <p className="text-base text-soft text-balance">{t('visit_claim')}</p>
          <div className="flex flex-wrap gap-2">
            {site?.registration ? (
              <Link to="/register" search={{}} className={MAIN}>
                {t('visit_account')}
              </Link>
            ) : null}
            <Link to="/sign-in" search={{}} className={site?.registration ? PLAIN : MAIN}>
              {t('sign_in')}
            </Link>
          </div>
          <div className="flex flex-col gap-1">
            <p className="font-medium">{t('visit_address')}</p>
            <div className="flex items-center gap-2">
              <code className="rounded bg-raised px-2 py-1 font-mono break-all">{address}</code>
              <CopyButton text={address} />
            </div>
            <p className="text-soft">{t('visit_address_hint')}</p>
          </div>
        </div>
        <section className="flex min-w-0 flex-col gap-2" aria-labelledby="first-call">
          <h2 id="first-call" className="font-semibold">
            {t('visit_call')}
          </h2>
          <Code text={SNIPPETS.curl?.(location.origin, KEY, model) ?? ''} />
          <p className="text-soft">{t('visit_call_hint', { key: KEY })}</p>
        </section>
      </div>
      <ul className="grid gap-4 md:grid-cols-2">
        <Way
          to="/models"
          icon={<CircleDollarSign className="size-4" aria-hidden />}
          title={t('visit_models_all')}
        >
          {offer?.models.length ? t('offer_says', { count: offer.models.length, vendors }) : null}{' '}
          {t('visit_models_hint')}
          {priced.length ? (
            <span className="mt-2 flex flex-wrap gap-1.5 text-ink">
              {priced.slice(0, 8).map(({ model }) => (
                <span
                  key={model}
                  className="rounded border border-line bg-raised px-1.5 py-0.5 font-mono text-xs break-all"
                >
                  {model}
                </span>
              ))}
            </span>
          ) : null}
        </Way>
        <Way to="/status" icon={<Activity className="size-4" aria-hidden />} title={t('uptime_title')}>
          {told?.models.length ? says(told.models) : null} {t('visit_status_hint')}
        </Way>
      </ul>
    </div>
  )
}

export function Landing() {
  const site = useSite()
  const own = useQuery(homeText)
  const name = site?.system_name || 'MAGIC'
  if (own.isPending) return null
  return (
    <>
      <div className="mx-auto w-full max-w-6xl px-4 py-4 empty:hidden">
        <Notice />
      </div>
      {own.data?.trim() ? (
        <OperatorPage text={own.data} of="home" heading={name} />
      ) : (
        <Standard name={name} />
      )}
    </>
  )
}
