// What the rows are chosen by. All of it stands in the address.
import { useRef, useState } from 'react'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Check, Input, Select } from '../../ui/field'

export interface Search {
  kind?: string
  model?: string
  key?: string
  user?: string
  channel?: string
  within?: string
  from?: string
  to?: string
  q?: string
  mine?: string
  /** The last rows of the pages before this one, joined by dots. */
  seen?: string
  request?: string
  row?: string
}

export type Go = (change: Partial<Record<keyof Search, string | undefined>>, replace?: boolean) => void

const KINDS = ['1', '2', '3', '4', '5'] as const
const RANGES = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const
type Range = keyof typeof RANGES
const FILTERS = ['kind', 'model', 'key', 'user', 'channel', 'within', 'from', 'to', 'q'] as const

export const filtered = (search: Search) => FILTERS.some((name) => search[name])

/** The API's words for the filters; `everybody`: of an administrator who looks at all rows. */
export function asked(search: Search, everybody: boolean): Record<string, string> {
  const seconds = RANGES[search.within as Range]
  // By whole minutes, so that a page that is looked at again asks for the same.
  const since = seconds ? String(Math.floor(Date.now() / 60_000) * 60 - seconds) : search.from
  const all = {
    type: search.kind,
    model_name: search.model,
    token_name: search.key,
    username: everybody ? search.user : undefined,
    channel: everybody ? search.channel?.replace(/\D/g, '') : undefined,
    start_timestamp: since,
    end_timestamp: seconds ? undefined : search.to,
    keyword: search.q,
  }
  return Object.fromEntries(Object.entries(all).filter((one): one is [string, string] => Boolean(one[1])))
}

/** Unix seconds as a field of date and time wants them, and back. */
const local = (seconds: string | undefined) => {
  if (!seconds || !Number(seconds)) return ''
  const date = new Date(Number(seconds) * 1000)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
const unix = (text: string) => {
  const time = new Date(text).getTime()
  return Number.isFinite(time) && text ? String(Math.floor(time / 1000)) : undefined
}

interface Props {
  search: Search
  go: Go
  admin: boolean
}

export function Filters({ search, go, admin }: Props) {
  const { t } = useSpeech()
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const pending = useRef<Partial<Search>>({})
  const [cleared, setCleared] = useState(0)
  const [custom, setCustom] = useState(Boolean(search.from || search.to))
  // Somebody who types asks once, when they pause.
  const typed = (name: keyof Search, value: string) => {
    pending.current = { ...pending.current, [name]: value.trim() || undefined }
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      const change = pending.current
      pending.current = {}
      go({ ...change, seen: undefined })
    }, 300)
  }
  const range = (value: string) => {
    setCustom(value === 'custom')
    go({
      within: value in RANGES ? value : undefined,
      ...(value === 'custom' ? {} : { from: undefined, to: undefined }),
      seen: undefined,
    })
  }
  const clear = () => {
    setCustom(false)
    setCleared((before) => before + 1)
    go({ ...Object.fromEntries(FILTERS.map((name) => [name, undefined])), seen: undefined })
  }
  const text = (name: 'model' | 'key' | 'user' | 'channel', label: string) => (
    <Input
      label={label}
      defaultValue={search[name] ?? ''}
      onChange={(event) => typed(name, event.target.value)}
      {...(name === 'channel' ? { inputMode: 'numeric' as const } : {})}
    />
  )
  const everybody = admin && search.mine !== '1'
  return (
    <search className="flex flex-col gap-3 rounded-lg border border-line bg-card p-3">
      <div key={cleared} className="grid grid-cols-2 gap-3 md:grid-cols-4 xl:grid-cols-7">
        <div className="col-span-2 md:col-span-1">
          <Input
            type="search"
            label={t('log_search')}
            placeholder={t('log_search_hint')}
            defaultValue={search.q ?? ''}
            onChange={(event) => typed('q', event.target.value)}
          />
        </div>
        <Select
          label={t('log_kind')}
          value={search.kind ?? ''}
          onChange={(event) => go({ kind: event.target.value || undefined, seen: undefined })}
        >
          <option value="">{t('log_all_kinds')}</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {t(`log_kind_${kind}`)}
            </option>
          ))}
        </Select>
        <Select
          label={t('log_within')}
          value={custom ? 'custom' : (search.within ?? '')}
          onChange={(event) => range(event.target.value)}
        >
          <option value="">{t('log_any_time')}</option>
          {(Object.keys(RANGES) as Range[]).map((name) => (
            <option key={name} value={name}>
              {t(`log_${name}`)}
            </option>
          ))}
          <option value="custom">{t('log_custom')}</option>
        </Select>
        {text('model', t('log_model'))}
        {text('key', t('log_key'))}
        {everybody ? text('user', t('log_user')) : null}
        {everybody ? text('channel', t('log_channel_hint')) : null}
        {custom
          ? (['from', 'to'] as const).map((name) => (
              <Input
                key={name}
                type="datetime-local"
                label={t(`log_${name}`)}
                defaultValue={local(search[name])}
                onChange={(event) => go({ [name]: unix(event.target.value), seen: undefined })}
              />
            ))
          : null}
      </div>
      {admin || filtered(search) ? (
        <div className="flex flex-wrap items-center gap-4">
          {admin ? (
            <Check
              label={t('log_mine')}
              checked={search.mine === '1'}
              onChange={(event) =>
                go({
                  mine: event.target.checked ? '1' : undefined,
                  user: undefined,
                  channel: undefined,
                  seen: undefined,
                })
              }
            />
          ) : null}
          {filtered(search) ? <Button onClick={clear}>{t('log_clear')}</Button> : null}
        </div>
      ) : null}
    </search>
  )
}
