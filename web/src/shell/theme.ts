export const THEMES = ['system', 'light', 'dark', 'contrast'] as const
export type Theme = (typeof THEMES)[number]

/** Puts a theme on; kept in this browser (public/theme.js reads it before the first paint). */
export function setTheme(theme: Theme) {
  const root = document.documentElement
  root.dataset.theme = theme
  const dark = matchMedia('(prefers-color-scheme: dark)').matches
  root.classList.toggle('dark', theme === 'dark' || (theme === 'system' && dark))
  root.classList.toggle('contrast', theme === 'contrast')
  try {
    localStorage.setItem('magic.theme', theme)
  } catch {
    // Without storage it lasts as long as the page.
  }
}
