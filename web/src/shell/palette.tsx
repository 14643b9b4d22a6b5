// Ctrl K: pages by their names, a request by its id, users, channels and keys by theirs, and what is often begun.
import { useNavigate } from '@tanstack/react-router'
import { Command } from 'cmdk'
import { useEffect, useState } from 'react'
import { useMe } from '../api/session'
import { useSpeech } from '../i18n'
import { ACTIONS, useFound } from './found'
import { pagesOf } from './nav'

const REQUEST = /^[0-9a-f-]{20,40}$/i

export function Palette({ open, setOpen }: { open: boolean; setOpen: (open: boolean) => void }) {
  const { t } = useSpeech()
  const user = useMe()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const found = useFound(open ? text : '', user.role)
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return
      event.preventDefault()
      setOpen(true)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [setOpen])
  const go = (to: string, search?: Record<string, string>) => {
    setOpen(false)
    setText('')
    navigate({ to, search: search ?? {} } as never)
  }
  const item = 'flex min-h-10 items-center gap-2.5 rounded px-3 data-[selected=true]:bg-raised'
  return (
    <Command.Dialog
      open={open}
      onOpenChange={setOpen}
      label={t('find')}
      overlayClassName="fixed inset-0 z-40 bg-black/50"
      contentClassName="fixed top-[12vh] left-1/2 z-50 w-[calc(100%-2rem)] max-w-xl -translate-x-1/2 rounded-lg border border-line bg-card shadow-xl"
    >
      <Command.Input
        value={text}
        onValueChange={setText}
        placeholder={t('find_hint')}
        className="min-h-12 w-full border-b border-line bg-transparent px-4 text-ellipsis outline-none placeholder:text-soft"
      />
      <Command.List className="max-h-80 overflow-y-auto p-2">
        <Command.Empty className="p-4 text-center text-soft">{t('nothing_found')}</Command.Empty>
        {REQUEST.test(text.trim()) ? (
          <Command.Item
            value={text}
            className={item}
            onSelect={() => go('/logs', { request: text.trim().toLowerCase().replaceAll('-', '') })}
          >
            {t('explain_request')}
          </Command.Item>
        ) : null}
        {pagesOf(user.role).map((page) => (
          <Command.Item key={page.to} value={t(page.name)} className={item} onSelect={() => go(page.to)}>
            <page.icon className="size-4" aria-hidden />
            {t(page.name)}
          </Command.Item>
        ))}
        {ACTIONS.filter(({ role }) => user.role >= role).map(({ name, icon: Picture, to, search }) => (
          <Command.Item key={name} value={t(name)} className={item} onSelect={() => go(to, search)}>
            <Picture className="size-4" aria-hidden />
            {t(name)}
          </Command.Item>
        ))}
        {found.map(({ id, name, kind, icon: Picture, to, search }) => (
          <Command.Item key={id} value={`${name} ${id}`} className={item} onSelect={() => go(to, search)}>
            <Picture className="size-4" aria-hidden />
            <span className="truncate">{name}</span>
            <span className="ml-auto text-xs text-soft">{t(kind)}</span>
          </Command.Item>
        ))}
      </Command.List>
    </Command.Dialog>
  )
}
