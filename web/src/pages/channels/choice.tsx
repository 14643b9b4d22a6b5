// Which channels the list is of. All of it stands in the address.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, data, type Schemas } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Select } from '../../ui/field'
import { useTypeName } from './queries'

export interface Choice {
  q?: string
  status?: string
  type?: string
  group?: string
  tag?: string
  model?: string
  health?: string
  order?: string
}
const FILTERS = ['status', 'type', 'group', 'tag', 'model', 'health'] as const
const ORDERS = ['name', 'priority', 'response_time', 'used', 'balance'] as const

export const chosenBy = (choice: Choice) => Boolean(choice.q) || FILTERS.some((name) => choice[name])

/** The API's words for it. */
export const asked = (choice: Choice): Schemas['ChannelChoice'] => ({
  keyword: choice.q ?? null,
  status: choice.status ? Number(choice.status) : null,
  type: choice.type ? Number(choice.type) : null,
  group: choice.group ?? null,
  tag: choice.tag ?? null,
  model: choice.model ?? null,
  health: choice.health ?? null,
})

export const facets = queryOptions({
  queryKey: ['channels', 'facets'],
  queryFn: () => data(api.GET('/api/channel/facets')),
})

interface Props {
  choice: Choice
  go: (change: Choice) => void
}

export function Choices({ choice, go }: Props) {
  const { t } = useSpeech()
  const typeName = useTypeName()
  const { data: counts } = useQuery(facets)
  const states: Record<string, string> = {
    1: t('channel_enabled'),
    2: t('channel_is_paused'),
    3: t('channel_is_off'),
  }
  const names = {
    status: (value: string) => states[value] ?? value,
    type: (value: string) => typeName(Number(value)),
    group: (value: string) => value,
    tag: (value: string) => value,
  }
  const one = (name: keyof typeof names, label: string) => {
    const values = counts?.[name] ?? []
    // One that nobody has any more is still what the list is of.
    const gone = choice[name] && !values.some(({ value }) => value === choice[name]) ? [choice[name]] : []
    return (
      <Select
        label={label}
        value={choice[name] ?? ''}
        onChange={(event) => go({ [name]: event.target.value || undefined })}
      >
        <option value="">{t('channel_any')}</option>
        {values.map(({ value, count }) => (
          <option key={value} value={value}>
            {names[name](value)} ({count})
          </option>
        ))}
        {gone.map((value) => (
          <option key={value} value={value}>
            {names[name](value)}
          </option>
        ))}
      </Select>
    )
  }
  return (
    <search className="flex flex-col gap-3 rounded-lg border border-line bg-card p-3">
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        {one('status', t('status'))}
        <Select
          label={t('channel_health')}
          value={choice.health ?? ''}
          onChange={(event) => go({ health: event.target.value || undefined })}
        >
          <option value="">{t('channel_any')}</option>
          <option value="resting">
            {t('channel_is_resting')} ({counts?.resting ?? 0})
          </option>
        </Select>
        {one('type', t('channel_type'))}
        {one('group', t('channel_group'))}
        {one('tag', t('channel_tag'))}
        <Select
          label={t('sorted_by')}
          value={choice.order ?? ''}
          onChange={(event) => go({ order: event.target.value || undefined })}
        >
          <option value="">{t('channel_order_newest')}</option>
          {ORDERS.map((name) => (
            <option key={name} value={name}>
              {t(`channel_order_${name}`)}
            </option>
          ))}
        </Select>
      </div>
      {FILTERS.some((name) => choice[name]) ? (
        <div className="flex flex-wrap items-center gap-3">
          {choice.model ? (
            <span>
              {t('channel_offering')} <code className="font-mono">{choice.model}</code>
            </span>
          ) : null}
          <Button onClick={() => go(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>
            {t('filters_clear')}
          </Button>
        </div>
      ) : null}
    </search>
  )
}
