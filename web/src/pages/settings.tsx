// Everything that can be set while the service runs, on one page that can be searched.
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { Failure } from '../ui/errors'
import { Input } from '../ui/field'
import { Card } from '../ui/show'
import { Configuration } from './settings/configuration'
import { OptionField, useOptionName } from './settings/field'
import { known, SECTIONS, type Section } from './settings/options'
import { type Change, Unsaved } from './settings/save'
import { fieldOf } from './settings/values'

function Options({ wanted }: { wanted: string }) {
  const { t } = useSpeech()
  const name = useOptionName()
  const [fields, setFields] = useState<Record<string, string>>({})
  const options = useQuery({ queryKey: ['options'], queryFn: () => data(api.GET('/api/option')) })
  if (options.error) return <Failure error={options.error} retry={() => options.refetch()} />
  if (!options.data) return null
  const now = new Map(options.data.map((option) => [option.key, option]))
  const before = (key: string) => fieldOf(key, now.get(key)?.value ?? '')
  const changes: Change[] = Object.entries(fields)
    .filter(([key, field]) => field !== before(key))
    .map(([key, after]) => ({ key, before: before(key), after, kept: now.get(key)?.value ?? '' }))
  const others = options.data.filter((option) => !known(option.key)).map((option) => [option.key] as const)
  const sections: [Section | 'other', readonly (readonly [string, ...unknown[]])[]][] = [
    ...(Object.entries(SECTIONS) as [Section, (typeof SECTIONS)[Section]][]),
    ['other', others],
  ]
  const words = wanted.trim().toLowerCase()
  const fits = (key: string) => `${key} ${name(key)}`.toLowerCase().includes(words)
  const shown = sections
    .map(([section, keys]) => [section, keys.map(([key]) => key).filter(fits)] as const)
    .filter(([, keys]) => keys.length > 0)
  const drop = (keys: string[]) =>
    setFields((all) => Object.fromEntries(Object.entries(all).filter(([key]) => !keys.includes(key))))
  return (
    <>
      {shown.length === 0 ? <p className="text-soft">{t('nothing_found')}</p> : null}
      {shown.map(([section, keys]) => (
        <Card key={section} title={t(`setting_section_${section}`)}>
          <div className="flex max-w-2xl flex-col gap-4">
            {keys.map((key) => (
              <OptionField
                key={key}
                option={key}
                field={fields[key] ?? before(key)}
                standard={now.get(key)?.default}
                fixed={now.get(key)?.owner === 'file'}
                change={(field) => setFields({ ...fields, [key]: field })}
              />
            ))}
          </div>
        </Card>
      ))}
      <Unsaved changes={changes} drop={drop} />
    </>
  )
}

const TABS = ['options', 'config'] as const

export function Settings() {
  const { t } = useSpeech()
  const me = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { q?: string; tab?: string }
  const tab = TABS.find((one) => one === search.tab) ?? 'options'
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/settings', search: { ...search, ...change } as never, replace: true })
  if (me.role < ROLES.root) return <p>{t('error_forbidden')}</p>
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('settings')}</h1>
        {tab === 'options' ? (
          <Input
            hidden
            label={t('setting_search')}
            placeholder={t('setting_search')}
            type="search"
            className="sm:w-64"
            defaultValue={search.q ?? ''}
            onChange={(event) => go({ q: event.target.value || undefined })}
          />
        ) : null}
      </div>
      <nav aria-label={t('setting_parts')} className="flex flex-wrap gap-1">
        {TABS.map((one) => (
          <button
            key={one}
            type="button"
            aria-current={one === tab ? 'page' : undefined}
            onClick={() => go({ tab: one === 'options' ? undefined : one, q: undefined })}
            className={`min-h-8 rounded-md border px-3 max-md:min-h-11 ${one === tab ? 'border-line bg-raised font-semibold' : 'border-transparent hover:bg-raised'}`}
          >
            {t(`setting_tab_${one}`)}
          </button>
        ))}
        <Link
          to="/ledger"
          search={{ tab: 'audit' }}
          className="inline-flex min-h-8 items-center rounded-md border border-transparent px-3 underline decoration-line underline-offset-4 hover:bg-raised max-md:min-h-11"
        >
          {t('setting_tab_audit')}
        </Link>
      </nav>
      {/* What was typed stays while another part is looked at. */}
      <div className={tab === 'options' ? 'flex flex-col gap-4' : 'hidden'}>
        <Options wanted={search.q ?? ''} />
      </div>
      {tab === 'config' ? <Configuration /> : null}
    </>
  )
}
