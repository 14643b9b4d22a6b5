// Filters of a list that somebody keeps under a name, and comes back to.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Bookmark, Check, Plus, Trash2 } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useState } from 'react'
import { api, data } from '../api/client'
import { useSpeech } from '../i18n'
import { Button } from './button'
import { useChange } from './change'
import { Dialog } from './dialog'
import { Input } from './field'
import { MENU_ITEM, Menu } from './menu'
import { useFailed, useSay } from './toast'

interface Props {
  /** The page's address. */
  page: string
  /** Its filters as they stand; pages and open drawers are none. */
  filters: Record<string, string | undefined>
}

interface Kept {
  name: string
  query: string
  kept: boolean
}

/** The filters as an address has them, in one order: the same filters are the same text. */
const textOf = (filters: Props['filters']) =>
  new URLSearchParams(
    Object.entries(filters)
      .filter((one): one is [string, string] => Boolean(one[1]))
      .sort(([a], [b]) => a.localeCompare(b)),
  ).toString()

export function Views({ page, filters }: Props) {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [naming, setNaming] = useState(false)
  const [name, setName] = useState('')
  const { data: all } = useQuery({
    queryKey: ['views'],
    queryFn: () => data(api.GET('/api/user/self/views')),
    staleTime: 60_000,
  })
  const views = all?.filter((view) => view.page === page) ?? []
  const query = textOf(filters)
  const now = views.find((view) => view.query === query)
  const renew = () => queries.invalidateQueries({ queryKey: ['views'] })
  const keep = useMutation({
    mutationFn: () => data(api.PUT('/api/user/self/views', { body: { page, name, query } })),
    onSuccess: () => {
      setNaming(false)
      setName('')
      say(t('view_kept', { name }))
      return renew()
    },
    onError: failed,
  })
  const drop = useChange({
    run: ({ name, query, kept }: Kept): Promise<unknown> =>
      kept
        ? data(api.PUT('/api/user/self/views', { body: { page, name, query } }))
        : data(api.DELETE('/api/user/self/views', { params: { query: { page, name } } })),
    concerns: [['views']],
    back: (view) => ({ ...view, kept: !view.kept }),
    says: ({ name, kept }) => t(kept ? 'view_kept' : 'view_dropped', { name }),
    about: ({ name }) => `view ${name} of ${page}`,
  })
  const fits = name.trim().length > 0 && name.length <= 60
  return (
    <>
      <Menu
        button={<Button icon={<Bookmark className="size-4" aria-hidden />}>{now?.name ?? t('views')}</Button>}
      >
        {views.map((view) => (
          <DropdownMenu.Item
            key={view.name}
            className={MENU_ITEM}
            onSelect={() =>
              navigate({
                to: page,
                search: Object.fromEntries(new URLSearchParams(view.query)) as never,
              })
            }
          >
            <Check className={`size-4 ${view === now ? '' : 'invisible'}`} aria-hidden />
            <span className="truncate">{view.name}</span>
          </DropdownMenu.Item>
        ))}
        {views.length ? null : <p className="px-2 py-1.5 text-soft">{t('views_none')}</p>}
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        <DropdownMenu.Item className={MENU_ITEM} disabled={!query} onSelect={() => setNaming(true)}>
          <Plus className="size-4" aria-hidden />
          {t('view_keep')}
        </DropdownMenu.Item>
        {now ? (
          <DropdownMenu.Item
            className={MENU_ITEM}
            onSelect={() => drop.mutate({ name: now.name, query: now.query, kept: false })}
          >
            <Trash2 className="size-4" aria-hidden />
            {t('view_drop', { name: now.name })}
          </DropdownMenu.Item>
        ) : null}
      </Menu>
      <Dialog open={naming} onOpenChange={setNaming} title={t('view_keep')} description={t('view_keep_hint')}>
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (fits) keep.mutate()
          }}
        >
          <Input
            autoFocus
            label={t('name')}
            value={name}
            maxLength={60}
            onChange={(event) => setName(event.target.value)}
          />
          <div className="flex justify-end">
            <Button type="submit" look="main" busy={keep.isPending} disabled={!fits}>
              {t('save')}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
