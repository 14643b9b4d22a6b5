// A menu of a button. It stays where the button is, within the page's landmarks, and the page stays usable beside it.
import { DropdownMenu } from 'radix-ui'
import type { ReactNode } from 'react'

export const MENU_ITEM =
  'flex min-h-9 w-full cursor-default items-center gap-2 rounded px-2 outline-none data-highlighted:bg-raised data-disabled:text-soft'

export function Menu({ button, children }: { button: ReactNode; children: ReactNode }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{button}</DropdownMenu.Trigger>
      <DropdownMenu.Content
        align="end"
        className="z-50 max-h-96 min-w-40 max-w-80 overflow-y-auto rounded-md border border-line bg-card p-1 text-left shadow-lg"
      >
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Root>
  )
}
