// Vouchers: made in batches, given away as codes, redeemed once.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Download, Plus, TicketPercent, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, type Schemas, whole } from '../api/client'
import { useSpeech } from '../i18n'
import { withId } from '../lib/rows'
import { Button, IconButton } from '../ui/button'
import { useChange } from '../ui/change'
import { Confirm } from '../ui/confirm'
import { Select } from '../ui/field'
import { ListHead } from '../ui/head'
import { CopyButton, Empty, Money, State, Time } from '../ui/show'
import { type Column, Pages, Table } from '../ui/table'
import { useFailed } from '../ui/toast'
import { MakeVouchers } from './vouchers/make'

type Voucher = Schemas['Voucher']
const PAGE = 50

function VoucherState({ voucher }: { voucher: Voucher }) {
  const { t } = useSpeech()
  if (voucher.status === 3) return <State mood="none">{t('voucher_is_used')}</State>
  if (voucher.status === 2) return <State mood="bad">{t('voucher_is_off')}</State>
  if (voucher.expired_time > 0 && voucher.expired_time < Date.now() / 1000)
    return <State mood="warn">{t('voucher_is_expired')}</State>
  return <State mood="good">{t('voucher_is_open')}</State>
}

export function Vouchers() {
  const { t } = useSpeech()
  const failed = useFailed()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { new?: string; p?: string; q?: string; state?: string }
  const page = Number(search.p ?? 0) || 0
  const [deleting, setDeleting] = useState<Voucher | null>(null)
  const go = (change: Record<string, string | undefined>) =>
    navigate({ to: '/vouchers', search: { ...search, ...change } as never, replace: true })
  const wanted = {
    ...(search.q ? { keyword: search.q } : {}),
    ...(search.state ? { status: Number(search.state) } : {}),
  }
  const vouchers = useQuery({
    queryKey: ['vouchers', page, search.q, search.state],
    queryFn: () =>
      whole(api.GET('/api/redemption', { params: { query: { p: page, page_size: PAGE, ...wanted } } })),
    placeholderData: (before) => before,
  })
  const rows = vouchers.data?.data
  const refresh = () => queries.invalidateQueries({ queryKey: ['vouchers'] })
  const change = useChange({
    run: ({ id, status }: Pick<Voucher, 'id' | 'name' | 'status'>) =>
      whole(api.PUT('/api/redemption', { params: { query: { status_only: '1' } }, body: { id, status } })),
    concerns: [['vouchers']],
    shown: ({ id, status }) => [[['vouchers'], withId<Voucher>(id, { status })]],
    back: (voucher) => ({ ...voucher, status: voucher.status === 1 ? 2 : 1 }),
    says: ({ name, status }) => t(status === 1 ? 'voucher_enabled' : 'voucher_disabled', { name }),
    about: ({ id }) => `voucher ${id}`,
  })
  const remove = useMutation({
    mutationFn: (id: number) => whole(api.DELETE('/api/redemption/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      refresh()
      setDeleting(null)
    },
    onError: failed,
  })
  const columns: Column<Voucher>[] = [
    { key: 'name', head: t('name'), show: (voucher) => voucher.name },
    {
      key: 'code',
      head: t('voucher_code'),
      show: (voucher) => (
        <span className="inline-flex items-center gap-1">
          <code className="font-mono text-xs break-all">
            {voucher.key.length > 14 ? `${voucher.key.slice(0, 6)}…${voucher.key.slice(-4)}` : voucher.key}
          </code>
          {voucher.status === 1 ? <CopyButton text={voucher.key} /> : null}
        </span>
      ),
    },
    { key: 'state', head: t('status'), show: (voucher) => <VoucherState voucher={voucher} /> },
    {
      key: 'value',
      head: t('voucher_value'),
      right: true,
      show: (voucher) => <Money usd={voucher.amount_usd} />,
    },
    {
      key: 'made',
      head: t('voucher_made_at'),
      wide: true,
      show: (voucher) => <Time at={voucher.created_time} />,
    },
    {
      key: 'until',
      head: t('voucher_until'),
      show: (voucher) =>
        voucher.expired_time > 0 ? (
          <Time at={voucher.expired_time} />
        ) : (
          <span className="text-soft">{t('voucher_for_ever')}</span>
        ),
    },
    {
      key: 'used',
      head: t('voucher_used_at'),
      show: (voucher) => (
        <>
          <Time at={voucher.redeemed_time} />
          {voucher.redeemed_by > 0 ? (
            <span className="text-soft"> {t('voucher_by', { id: `#${voucher.redeemed_by}` })}</span>
          ) : null}
        </>
      ),
    },
  ]
  const exported = new URLSearchParams({
    format: 'csv',
    ...(search.q ? { keyword: search.q } : {}),
  })
  return (
    <>
      <ListHead
        title={t('vouchers')}
        search={{ label: t('voucher_search'), value: search.q, change: (q) => go({ q: q, p: undefined }) }}
      >
        <Select
          hidden
          label={t('voucher_filter')}
          value={search.state ?? ''}
          onChange={(event) => go({ state: event.target.value || undefined, p: undefined })}
        >
          <option value="">{t('voucher_all')}</option>
          <option value="1">{t('voucher_is_open')}</option>
          <option value="2">{t('voucher_is_off')}</option>
          <option value="3">{t('voucher_is_used')}</option>
        </Select>
        <a
          href={`/api/redemption/export?${exported}`}
          download
          className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-line bg-card px-3 py-1 font-medium hover:bg-raised max-md:min-h-11"
        >
          <Download className="size-4" aria-hidden />
          {t('voucher_export')}
        </a>
        <Button look="main" icon={<Plus className="size-4" aria-hidden />} onClick={() => go({ new: '1' })}>
          {t('voucher_new')}
        </Button>
      </ListHead>
      <Table
        caption={t('vouchers')}
        name="vouchers"
        columns={columns}
        rows={rows}
        id={(voucher) => voucher.id}
        error={vouchers.error}
        retry={() => vouchers.refetch()}
        empty={
          <Empty
            icon={<TicketPercent className="size-6" aria-hidden />}
            title={search.q || search.state ? t('nothing_found') : t('voucher_empty')}
          />
        }
        actions={(voucher) =>
          voucher.owner === 'file' ? (
            <span className="text-xs text-soft">{t('from_file')}</span>
          ) : (
            <>
              {voucher.status === 3 ? null : (
                <Button
                  look="quiet"
                  onClick={() => {
                    const { id, name, status } = voucher
                    change.mutate({ id, name, status: status === 1 ? 2 : 1 })
                  }}
                >
                  {voucher.status === 1 ? t('disable') : t('enable')}
                </Button>
              )}
              <IconButton
                label={t('voucher_delete', { name: voucher.name })}
                onClick={() => setDeleting(voucher)}
              >
                <Trash2 className="size-4" aria-hidden />
              </IconButton>
            </>
          )
        }
      />
      <Pages page={page} more={rows?.length === PAGE} go={(p) => go({ p: String(p) })} />
      {search.new ? <MakeVouchers close={() => go({ new: undefined })} /> : null}
      {deleting ? (
        <Confirm
          danger
          title={t('voucher_delete', { name: deleting.name })}
          description={t('voucher_delete_hint')}
          action={t('delete')}
          busy={remove.isPending}
          run={() => remove.mutate(deleting.id)}
          close={() => setDeleting(null)}
        />
      ) : null}
    </>
  )
}
