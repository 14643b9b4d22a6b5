// Models and what they cost, in dollars per million tokens. Those without a price come first: they are refused.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleDollarSign, Plus } from 'lucide-react'
import { useState } from 'react'
import { api, data } from '../api/client'
import { ROLES, useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { Button } from '../ui/button'
import { Input } from '../ui/field'
import { Empty, State } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed } from '../ui/toast'
import { Preview, useSavePrice } from './prices/change'
import { PriceDrawer } from './prices/drawer'
import { BUCKETS, type Bucket, type Draft, dollars, draftOf, type Price, priceOf, rate } from './prices/rates'

const PAGE = 50
const INLINE: Bucket[] = ['input', 'output', 'cache_read']

interface Row {
  model: string
  price: Price | undefined
  owner: string
}

export function Prices() {
  const { t } = useSpeech()
  const me = useMe()
  const root = me.role >= ROLES.root
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { q?: string; p?: string; model?: string }
  const page = Number(search.p ?? 0) || 0
  const [editing, setEditing] = useState<Row | null>(null)
  const [draft, setDraft] = useState<Draft>({})
  const [fresh, setFresh] = useState('')
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/prices', search: { ...search, ...change } as never, replace: true })
  const prices = useQuery({ queryKey: ['prices'], queryFn: () => data(api.GET('/api/price')) })
  const failed = useFailed()
  const save = useSavePrice(
    () => {},
    (error, { model }) => {
      failed(error)
      // What was typed is there again.
      setEditing(all?.find((row) => row.model === model) ?? null)
    },
  )
  const told = prices.data
  const all: Row[] | undefined = told && [
    ...told.unpriced.map((model) => ({ model, price: undefined, owner: 'db' })),
    ...told.models.map((one) => ({ ...one, price: one.price as unknown as Price })),
  ]
  const wanted = (search.q ?? '').toLowerCase()
  const found = all?.filter((row) => row.model.toLowerCase().includes(wanted))
  const rows = found?.slice(page * PAGE, (page + 1) * PAGE)
  const opened = all?.find((row) => row.model === search.model)
  const next = editing ? priceOf(draft, editing.price) : null
  const edit = (row: Row) => {
    setDraft(draftOf(row.price))
    setEditing(row)
  }
  const put = ({ model, price }: Row) => {
    if (!next) return
    save.mutate({ model, price: next, before: price ?? null })
    setEditing(null)
  }
  const field = (row: Row, bucket: Bucket) =>
    editing?.model === row.model ? (
      <span className="inline-block w-28">
        <Input
          hidden
          label={`${t(`price_${bucket}`)}: ${row.model}`}
          inputMode="decimal"
          className="text-right"
          autoFocus={bucket === 'input'}
          value={draft[bucket] ?? ''}
          error={rate(bucket, draft[bucket] ?? '') === null ? t('not_money') : undefined}
          onChange={(event) => setDraft({ ...draft, [bucket]: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter') put(row)
            if (event.key === 'Escape') setEditing(null)
          }}
        />
      </span>
    ) : row.price?.rates[bucket] === undefined ? (
      <span className="text-soft">–</span>
    ) : (
      `$${dollars(bucket, row.price.rates[bucket])}`
    )
  const columns: Column<Row>[] = [
    { key: 'model', head: t('price_model'), show: (row) => <span className="break-all">{row.model}</span> },
    {
      key: 'state',
      head: t('status'),
      show: (row) =>
        row.price ? (
          <State mood="good">{t('price_set')}</State>
        ) : (
          <State mood="warn">{t('price_none')}</State>
        ),
    },
    ...INLINE.map(
      (bucket): Column<Row> => ({
        key: bucket,
        head: t(`price_${bucket}`),
        right: true,
        show: (row) => field(row, bucket),
      }),
    ),
    {
      key: 'others',
      head: t('price_others'),
      right: true,
      wide: true,
      show: (row) =>
        BUCKETS.filter((bucket) => !INLINE.includes(bucket) && row.price?.rates[bucket] !== undefined)
          .length + (row.price?.tiers?.length ?? 0) || <span className="text-soft">–</span>,
    },
  ]
  const missing = told?.unpriced.length ?? 0
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold">{t('prices')}</h1>
        <div className="flex flex-wrap items-end gap-2">
          <Input
            hidden
            label={t('price_search')}
            placeholder={t('price_search')}
            type="search"
            className="sm:w-64"
            defaultValue={search.q ?? ''}
            onChange={(event) => go({ q: event.target.value || undefined, p: undefined })}
          />
          {root ? (
            <form
              className="flex items-end gap-2"
              onSubmit={(event) => {
                event.preventDefault()
                if (fresh.trim()) go({ model: fresh.trim() })
              }}
            >
              <Input
                hidden
                label={t('price_new_name')}
                placeholder={t('price_new_name')}
                value={fresh}
                onChange={(event) => setFresh(event.target.value)}
              />
              <Button type="submit" disabled={!fresh.trim()} icon={<Plus className="size-4" aria-hidden />}>
                {t('price_new')}
              </Button>
            </form>
          ) : null}
        </div>
      </div>
      {told ? (
        <p className={missing ? '' : 'text-soft'}>
          {missing ? t('price_says', { count: missing }) : t('price_says_all', { count: told.models.length })}{' '}
          <span className="text-soft">{t('price_unit')}</span>
        </p>
      ) : null}
      <Table
        caption={t('prices')}
        columns={columns}
        rows={rows}
        id={(row) => row.model}
        error={prices.error}
        retry={() => prices.refetch()}
        open={(row) => go({ model: row.model })}
        empty={
          <Empty
            icon={<CircleDollarSign className="size-6" aria-hidden />}
            title={wanted ? t('nothing_found') : t('price_empty')}
          />
        }
        actions={(row) =>
          row.owner === 'file' ? (
            <span className="text-xs text-soft">{t('from_file')}</span>
          ) : !root ? null : editing?.model === row.model ? (
            <>
              <Button look="main" disabled={!next} onClick={() => put(row)}>
                {t('save')}
              </Button>
              <Button look="quiet" onClick={() => setEditing(null)}>
                {t('cancel')}
              </Button>
            </>
          ) : (
            <Button look="quiet" aria-label={`${t('edit')} ${row.model}`} onClick={() => edit(row)}>
              {t('edit')}
            </Button>
          )
        }
      />
      {editing ? (
        <div className="sticky bottom-0 rounded-lg border border-line bg-card px-3 py-2">
          <Preview model={editing.model} price={next} />
        </div>
      ) : null}
      <Pages page={page} more={(found?.length ?? 0) > (page + 1) * PAGE} go={(p) => go({ p: String(p) })} />
      {search.model && all ? (
        <PriceDrawer
          key={search.model}
          model={search.model}
          price={opened?.price}
          may={root && opened?.owner !== 'file'}
          close={() => go({ model: undefined })}
        />
      ) : null}
    </>
  )
}
