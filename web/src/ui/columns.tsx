// Which columns of a list a reader sees. Kept in the browser: it belongs to the screen, not to the account.
import { Check, Columns3 } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useState } from 'react'
import { useSpeech } from '../i18n'
import { IconButton } from './button'
import { MENU_ITEM, Menu } from './menu'

const place = (name: string) => `magic.columns.${name}`

/** The keys of the columns that are hidden under this name. */
export function useHidden(name: string | undefined) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(() => {
    try {
      return new Set((name && localStorage.getItem(place(name))?.split(',')) || [])
    } catch {
      return new Set()
    }
  })
  const toggle = (key: string) => {
    const next = new Set(hidden)
    if (!next.delete(key)) next.add(key)
    setHidden(next)
    try {
      if (name) localStorage.setItem(place(name), [...next].join(','))
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }
  return { hidden, toggle }
}

interface Props {
  columns: { key: string; head: string }[]
  hidden: ReadonlySet<string>
  toggle: (key: string) => void
}

export function ColumnMenu({ columns, hidden, toggle }: Props) {
  const { t } = useSpeech()
  return (
    <Menu
      button={
        <IconButton label={t('columns')}>
          <Columns3 className="size-4" aria-hidden />
        </IconButton>
      }
    >
      {columns.map(({ key, head }) => (
        <DropdownMenu.CheckboxItem
          key={key}
          checked={!hidden.has(key)}
          onCheckedChange={() => toggle(key)}
          // Several are chosen one after another.
          onSelect={(event) => event.preventDefault()}
          className={MENU_ITEM}
        >
          <Check className={`size-4 ${hidden.has(key) ? 'invisible' : ''}`} aria-hidden />
          {head}
        </DropdownMenu.CheckboxItem>
      ))}
    </Menu>
  )
}
