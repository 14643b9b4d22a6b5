// A list: a table where there is room, cards where there is not. One row of it can be opened, several chosen.
import { type ReactNode, useEffect, useState } from 'react'
import { useSpeech } from '../i18n'
import { ColumnMenu, useHidden } from './columns'
import { Failure } from './errors'

export interface Column<R> {
  key: string
  head: string
  show: (row: R) => ReactNode
  /** Numbers stand at the right. */
  right?: boolean
  /** Left out of cards on small screens. */
  wide?: boolean
}

interface Props<R> {
  caption: string
  columns: Column<R>[]
  rows: R[] | undefined
  id: (row: R) => string | number
  error?: unknown
  retry?: () => void
  empty: ReactNode
  /** What a press on a row does; its name is the first column's. */
  open?: (row: R) => void
  chosen?: ReadonlySet<string | number>
  choose?: (ids: Set<string | number>) => void
  actions?: (row: R) => ReactNode
  /** The row whose details are open beside the list: j and k go on to the next. */
  current?: string | number | undefined
  /** Under this name readers choose which columns they see. */
  name?: string
}

/** Grey lines in the place of what is still being asked for. */
function Waiting() {
  return (
    <div aria-hidden className="flex flex-col gap-2 p-4 opacity-60">
      {[1, 2, 3, 4, 5].map((line) => (
        <div key={line} className="h-6 rounded bg-raised" />
      ))}
    </div>
  )
}

/** Rows that stand on a page at once. */
const MOST = 100

/**
 * A long list in parts: the rows of one, and the way to the others. `content-visibility` would keep all rows in the page
 * at little cost, but has no effect on rows of tables; rows that come and go while one scrolls would make columns jump.
 */
export function useParts<R>(all: R[], size = MOST) {
  const [chosen, setChosen] = useState(0)
  const last = Math.max(Math.ceil(all.length / size) - 1, 0)
  const part = Math.min(chosen, last)
  return {
    shown: last === 0 ? all : all.slice(part * size, (part + 1) * size),
    parts: <Pages page={part} more={part < last} go={setChosen} />,
  }
}

export function Table<R>(props: Props<R>) {
  const { caption, id, error, retry, empty, open, chosen, choose, actions, current, name } = props
  const { hidden, toggle: toggleColumn } = useHidden(name)
  const { shown, parts } = useParts(props.rows ?? [])
  const rows = props.rows && shown
  // The first names the row: it stays.
  const columns = props.columns.filter((column, at) => at === 0 || !hidden.has(column.key))
  const { t } = useSpeech()
  useEffect(() => {
    if (!open || !rows) return
    const move = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLElement && event.target.closest('input, textarea, select')) return
      const step = { j: 1, k: -1 }[event.key]
      if (!step || event.metaKey || event.ctrlKey || event.altKey) return
      const shown = rows.findIndex((row) => id(row) === current)
      if (shown >= 0) {
        const next = rows[shown + step]
        if (next) open(next)
        return
      }
      const buttons = [...document.querySelectorAll<HTMLElement>('[data-row]')]
      const at = buttons.indexOf(document.activeElement as HTMLElement)
      buttons[Math.min(Math.max(at + step, 0), buttons.length - 1)]?.focus()
    }
    document.addEventListener('keydown', move)
    return () => document.removeEventListener('keydown', move)
  }, [open, rows, id, current])
  if (error) return <Failure error={error} {...(retry ? { retry } : {})} />
  if (!rows) return <Waiting />
  if (rows.length === 0) return empty
  const all = rows.map(id)
  const every = chosen !== undefined && all.every((one) => chosen.has(one))
  const toggle = (one: string | number) => {
    const next = new Set(chosen)
    if (!next.delete(one)) next.add(one)
    choose?.(next)
  }
  const table = (
    <section
      className="relative overflow-x-auto rounded-lg border border-line bg-card"
      aria-label={caption}
      tabIndex={0}
    >
      <table className="w-full border-collapse max-md:block">
        <caption className="sr-only">{caption}</caption>
        <thead className="bg-raised text-left text-xs text-soft max-md:hidden">
          <tr>
            {choose ? (
              <th scope="col" className="w-10 px-3">
                <input
                  type="checkbox"
                  className="size-4 align-middle accent-accent"
                  aria-label={t('choose_all')}
                  checked={every}
                  onChange={() => choose(every ? new Set() : new Set(all))}
                />
              </th>
            ) : null}
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={`px-3 py-2 font-medium whitespace-nowrap ${column.right ? 'text-right' : ''}`}
              >
                {column.head}
              </th>
            ))}
            {actions || name ? (
              <th scope="col" className="px-1 text-right font-normal">
                {name ? (
                  <ColumnMenu columns={props.columns.slice(1)} hidden={hidden} toggle={toggleColumn} />
                ) : (
                  <span className="sr-only">{t('actions')}</span>
                )}
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody className="max-md:block">
          {rows.map((row) => (
            <tr
              key={id(row)}
              className="border-t border-line hover:bg-raised max-md:flex max-md:flex-col max-md:gap-1 max-md:p-3"
            >
              {choose ? (
                <td className="px-3 max-md:px-0">
                  <input
                    type="checkbox"
                    className="size-6 align-middle accent-accent md:size-4"
                    aria-label={t('choose_row', { id: String(id(row)) })}
                    checked={chosen?.has(id(row)) ?? false}
                    onChange={() => toggle(id(row))}
                  />
                </td>
              ) : null}
              {columns.map((column, at) => (
                <td
                  key={column.key}
                  className={`h-9 px-3 max-md:flex max-md:h-auto max-md:justify-between max-md:gap-4 max-md:px-0 ${column.right ? 'text-right tabular-nums' : ''} ${column.wide ? 'max-md:hidden' : ''}`}
                >
                  <span className="min-w-fit break-keep text-soft md:hidden">{column.head}</span>
                  {at === 0 && open ? (
                    <button
                      type="button"
                      data-row
                      onClick={() => open(row)}
                      className="min-h-6 rounded text-left font-medium underline decoration-line underline-offset-4 hover:decoration-ink"
                    >
                      {column.show(row)}
                    </button>
                  ) : (
                    <span>{column.show(row)}</span>
                  )}
                </td>
              ))}
              {actions || name ? (
                <td className={`px-2 max-md:px-0 ${actions ? '' : 'max-md:hidden'}`}>
                  <div className="flex items-center justify-end whitespace-nowrap">{actions?.(row)}</div>
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
  return (
    <>
      {table}
      {parts}
    </>
  )
}

/** Forward and back through pages that start at 0; `more` says whether there is a next one. */
export function Pages({ page, more, go }: { page: number; more: boolean; go: (page: number) => void }) {
  const { t } = useSpeech()
  if (page === 0 && !more) return null
  const look = 'min-h-8 max-md:min-h-11 rounded-md border border-line bg-card px-3 disabled:opacity-60'
  return (
    <nav className="flex items-center justify-end gap-2" aria-label={t('pages')}>
      <button type="button" className={look} disabled={page === 0} onClick={() => go(page - 1)}>
        {t('previous')}
      </button>
      <span className="text-soft">{t('page', { number: page + 1 })}</span>
      <button type="button" className={look} disabled={!more} onClick={() => go(page + 1)}>
        {t('next')}
      </button>
    </nav>
  )
}
