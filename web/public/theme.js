// Before the first paint: the theme and the language that were chosen here.
;(() => {
  const root = document.documentElement
  let theme = 'system'
  let language = ''
  try {
    theme = localStorage.getItem('magic.theme') || 'system'
    language = localStorage.getItem('magic.language') || ''
  } catch {
    // Storage is switched off: the system's.
  }
  root.dataset.theme = theme
  const dark = matchMedia('(prefers-color-scheme: dark)').matches
  root.classList.toggle('dark', theme === 'dark' || (theme === 'system' && dark))
  root.classList.toggle('contrast', theme === 'contrast')
  root.lang = language || navigator.language || 'en'
})()
