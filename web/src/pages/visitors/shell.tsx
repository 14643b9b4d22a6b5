// The frame of the pages that anybody may open.
import { Link, Outlet } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useSite } from '../../api/session'
import { useSpeech } from '../../i18n'
import { LanguageSelect } from '../../shell/language'
import { setTheme, THEMES, type Theme } from '../../shell/theme'
import { Select } from '../../ui/field'

const Markdown = lazy(() => import('../../ui/markdown'))

export const MAIN =
  'inline-flex min-h-8 items-center justify-center rounded-md border border-accent bg-accent px-3 font-medium whitespace-nowrap text-on-accent hover:opacity-90 max-md:min-h-11'
export const PLAIN =
  'inline-flex min-h-8 items-center justify-center rounded-md border border-line bg-card px-3 font-medium whitespace-nowrap hover:bg-raised max-md:min-h-11'

/** A page in the width that is good to read. Signed in, the shell has its margins. */
export const WIDE =
  'mx-auto flex w-full max-w-6xl flex-1 flex-col gap-4 in-data-visitor:p-4 md:in-data-visitor:py-8'

function ThemeSelect() {
  const { t } = useSpeech()
  const [theme, setChosen] = useState(document.documentElement.dataset.theme ?? 'system')
  return (
    <Select
      hidden
      label={t('theme')}
      value={theme}
      onChange={(event) => {
        setChosen(event.target.value)
        setTheme(event.target.value as Theme)
      }}
    >
      {THEMES.map((one) => (
        <option key={one} value={one}>
          {t(`theme_${one}`)}
        </option>
      ))}
    </Select>
  )
}

export function VisitorShell() {
  const { t } = useSpeech()
  const site = useSite()
  const name = site?.system_name || 'MAGIC'
  const footer = site?.footer_html.trim()
  useEffect(() => {
    document.title = name
  }, [name])
  const pages = [
    { to: '/models', says: t('models'), open: site?.catalogue },
    { to: '/status', says: t('visit_status'), open: site?.status_page },
    { to: '/about', says: t('visit_about'), open: true },
  ].filter(({ open }) => open)
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-card focus:p-2">
        {t('skip')}
      </a>
      <header className="border-b border-line bg-card">
        <div className="mx-auto flex w-full max-w-6xl flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
          <Link to="/" className="inline-flex min-h-8 min-w-0 items-center text-base font-semibold">
            <span className="truncate">{name}</span>
          </Link>
          <nav aria-label={t('pages_of_site')} className="max-md:order-last max-md:w-full">
            <ul className="flex flex-wrap gap-1">
              {pages.map(({ to, says }) => (
                <li key={to}>
                  <Link
                    to={to}
                    search={{}}
                    activeProps={{ className: 'bg-raised font-semibold', 'aria-current': 'page' }}
                    className="inline-flex min-h-8 items-center rounded-md px-2.5 hover:bg-raised max-md:min-h-11"
                  >
                    {says}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <span className="flex-1" />
          <div className="flex gap-2 max-md:hidden">
            <ThemeSelect />
            <LanguageSelect />
          </div>
          <Link to="/sign-in" search={{}} className={PLAIN}>
            {t('sign_in')}
          </Link>
        </div>
      </header>
      <main id="main" data-visitor tabIndex={-1} className="flex flex-1 flex-col outline-none">
        <Suspense fallback={null}>
          <Outlet />
        </Suspense>
      </main>
      <footer className="border-t border-line bg-card text-soft">
        <div className="mx-auto flex w-full max-w-6xl flex-wrap items-center justify-between gap-4 px-4 py-4">
          <div className="min-w-0 flex-1">
            {footer ? (
              <Suspense fallback={null}>
                <Markdown text={footer} />
              </Suspense>
            ) : (
              name
            )}
          </div>
          {/* There is no room for them at the head of a small screen. */}
          <div className="flex flex-wrap gap-2 md:hidden">
            <ThemeSelect />
            <LanguageSelect />
          </div>
        </div>
      </footer>
    </div>
  )
}
