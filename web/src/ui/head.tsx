// The top of a list: its name, a search, and what can be done.
import { type ReactNode, useEffect, useRef } from 'react'
import { Input } from './field'

interface Props {
  title: string
  /** What is searched for, and how it is said. */
  search?: { label: string; value: string | undefined; change: (value: string | undefined) => void }
  children?: ReactNode
}

/** Somebody who types asks once, when they pause. */
const PAUSE = 150

export function ListHead({ title, search, children }: Props) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <div className="flex flex-wrap items-end justify-between gap-3">
      <h1 className="text-xl font-semibold">{title}</h1>
      <div className="flex flex-wrap items-end gap-2 max-sm:w-full">
        {search ? (
          <Input
            hidden
            label={search.label}
            placeholder={search.label}
            type="search"
            className="sm:w-64"
            defaultValue={search.value ?? ''}
            onChange={({ target }) => {
              clearTimeout(timer.current)
              timer.current = setTimeout(() => search.change(target.value || undefined), PAUSE)
            }}
          />
        ) : null}
        {children}
      </div>
    </div>
  )
}
