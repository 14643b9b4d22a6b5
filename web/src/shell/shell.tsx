// The frame of every page for those who are signed in.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { Languages, Menu as Lines, LogOut, Search, SunMoon } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { Suspense, useEffect, useState } from 'react'
import { api, data } from '../api/client'
import { useMe, useSite } from '../api/session'
import { CHOICES, type Language, useSpeech } from '../i18n'
import { useLive } from '../lib/live'
import { Button, IconButton } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { MENU_ITEM, Menu } from '../ui/menu'
import { pagesOf } from './nav'
import { Palette } from './palette'
import { setTheme, THEMES, type Theme } from './theme'

function Rail({ onGo }: { onGo?: () => void }) {
  const { t } = useSpeech()
  const user = useMe()
  return (
    <ul className="flex flex-col gap-0.5">
      {pagesOf(user.role).map((page, at, all) => (
        // What is one's own, what is run, what is root's.
        <li
          key={page.to}
          className={page.role !== (all[at - 1]?.role ?? page.role) ? 'mt-2 border-t border-line pt-2' : ''}
        >
          <Link
            to={page.to}
            onClick={onGo}
            activeOptions={{ exact: page.to === '/' }}
            activeProps={{ className: 'bg-raised font-semibold', 'aria-current': 'page' }}
            className="flex min-h-9 items-center gap-2.5 rounded-md px-2.5 hover:bg-raised max-md:min-h-11"
          >
            <page.icon className="size-4" aria-hidden />
            {t(page.name)}
          </Link>
        </li>
      ))}
    </ul>
  )
}

function ThemeMenu() {
  const { t } = useSpeech()
  return (
    <Menu
      button={
        <IconButton label={t('theme')}>
          <SunMoon className="size-4" aria-hidden />
        </IconButton>
      }
    >
      {THEMES.map((theme: Theme) => (
        <DropdownMenu.Item key={theme} className={MENU_ITEM} onSelect={() => setTheme(theme)}>
          {t(`theme_${theme}`)}
        </DropdownMenu.Item>
      ))}
    </Menu>
  )
}

function LanguageMenu() {
  const { t, choose, language } = useSpeech()
  return (
    <Menu
      button={
        <IconButton label={t('language')}>
          <Languages className="size-4" aria-hidden />
        </IconButton>
      }
    >
      <DropdownMenu.RadioGroup value={language} onValueChange={(value) => choose(value as Language)}>
        {CHOICES.map(({ code, name }) => (
          <DropdownMenu.RadioItem key={code} value={code} className={MENU_ITEM} lang={code}>
            {name}
          </DropdownMenu.RadioItem>
        ))}
      </DropdownMenu.RadioGroup>
    </Menu>
  )
}

/** Letters after `g` go to pages, `/` to the search of the page. Not while somebody types. */
function useLetters() {
  const navigate = useNavigate()
  const user = useMe()
  useEffect(() => {
    let armed = 0
    const press = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [role=dialog]')
      if (typing || event.metaKey || event.ctrlKey || event.altKey) return
      if (event.key === 'g') {
        armed = Date.now()
        return
      }
      if (event.key === '/') {
        const search = document.querySelector<HTMLInputElement>('input[type=search]')
        if (search) {
          event.preventDefault()
          search.focus()
        }
        return
      }
      const page = pagesOf(user.role).find((page) => page.letter === event.key)
      if (page && Date.now() - armed < 1_000) navigate({ to: page.to })
      armed = 0
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [navigate, user.role])
}

export function Shell() {
  const { t } = useSpeech()
  const user = useMe()
  const site = useSite()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [menu, setMenu] = useState(false)
  const [palette, setPalette] = useState(false)
  useLetters()
  useLive()
  useEffect(() => {
    document.title = site?.system_name || 'MAGIC'
  }, [site?.system_name])
  const leave = useMutation({
    mutationFn: () => data(api.GET('/api/user/logout')),
    onSettled: async () => {
      await navigate({ to: '/sign-in' })
      queries.clear()
    },
  })
  return (
    <div className="flex min-h-dvh">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-card focus:p-2">
        {t('skip')}
      </a>
      <nav
        aria-label={t('pages_of_site')}
        className="sticky top-0 flex h-dvh w-52 shrink-0 flex-col gap-4 overflow-y-auto border-r border-line bg-card p-3 max-md:hidden"
      >
        <p className="px-2.5 pt-1 text-base font-semibold">{site?.system_name || 'MAGIC'}</p>
        <Rail />
      </nav>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-1 border-b border-line bg-card px-3">
          <IconButton label={t('menu')} className="md:hidden" onClick={() => setMenu(true)}>
            <Lines className="size-4" aria-hidden />
          </IconButton>
          <Button onClick={() => setPalette(true)} icon={<Search className="size-4" aria-hidden />}>
            {t('find')}
            <kbd className="ml-2 font-sans text-xs text-soft max-md:hidden">Ctrl K</kbd>
          </Button>
          <span className="flex-1" />
          <span className="truncate px-2 text-soft max-md:hidden">{user.display_name || user.username}</span>
          <ThemeMenu />
          <LanguageMenu />
          <IconButton label={t('sign_out')} onClick={() => leave.mutate()}>
            <LogOut className="size-4" aria-hidden />
          </IconButton>
        </header>
        <main
          id="main"
          tabIndex={-1}
          className="flex w-full max-w-7xl flex-1 flex-col gap-4 p-4 outline-none md:p-6"
        >
          <Suspense fallback={null}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Dialog open={menu} onOpenChange={setMenu} title={t('menu')}>
        <Rail onGo={() => setMenu(false)} />
      </Dialog>
      <Palette open={palette} setOpen={setPalette} />
    </div>
  )
}
