// The books: whether they are right, every movement of money, and the trail of who changed what.
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { Audit } from './ledger/audit'
import { type Go, Movements, type Search } from './ledger/movements'
import { Proof } from './ledger/proof'

const TABS = [
  ['movements', 'ledger_movements'],
  ['audit', 'setting_tab_audit'],
] as const

export function Ledger() {
  const { t } = useSpeech()
  const me = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as Search
  const tab = search.tab === 'audit' ? 'audit' : 'movements'
  const go: Go = (change, replace = true) =>
    navigate({
      to: '/ledger',
      search: ((before: Search) => ({ ...before, ...change })) as never,
      replace,
      resetScroll: false,
    })
  if (me.role < ROLES.root) return <p>{t('error_forbidden')}</p>
  return (
    <>
      <h1 className="text-xl font-semibold">{t('ledger')}</h1>
      <nav aria-label={t('ledger_parts')} className="flex flex-wrap gap-1">
        {TABS.map(([one, name]) => (
          <button
            key={one}
            type="button"
            aria-current={one === tab ? 'page' : undefined}
            onClick={() => navigate({ to: '/ledger', search: one === 'audit' ? { tab: one } : {} })}
            className={`min-h-8 rounded-md border px-3 max-md:min-h-11 ${one === tab ? 'border-line bg-raised font-semibold' : 'border-transparent hover:bg-raised'}`}
          >
            {t(name)}
          </button>
        ))}
      </nav>
      {tab === 'audit' ? (
        <Audit search={search} go={go} />
      ) : (
        <>
          <Proof />
          <Movements search={search} go={go} />
        </>
      )}
    </>
  )
}
