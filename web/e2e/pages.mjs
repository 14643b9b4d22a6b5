// Every page in each theme, width and language: axe finds nothing, nothing is wider than the screen, no text is missing.
import { axe, dress, enter, openPage, visit } from './harness.mjs'

export const PAGES = [
  '/',
  '/keys',
  '/playground',
  '/usage',
  '/logs',
  '/models',
  '/billing',
  '/account',
  '/overview',
  '/alerts',
  '/channels',
  '/prices',
  '/prompts',
  '/users',
  '/groups',
  '/vouchers',
  '/ledger',
  '/nodes',
  '/backup',
  '/settings',
  '/status',
  '/about',
  '/welcome',
]
/** Those that anybody may open. */
export const VISITORS = ['/', '/models', '/status', '/about', '/sign-in', '/register']
export const THEMES = ['light', 'dark', 'contrast']
export const WIDTHS = [1440, 768, 360]
export const LANGUAGES = ['en', 'zh-CN']

/** Yields what is wrong with pages in all themes and languages, each with where it is. */
async function* everywhere(page, origin, paths, width, shots) {
  for (const language of LANGUAGES) {
    for (const theme of THEMES) {
      await dress(page, theme, language)
      for (const path of paths) {
        const where = `${path} ${theme} ${width} ${language}`
        await visit(page, origin + path)
        await page.locator('h1').first().waitFor()
        const found = await axe(page)
        if (found.length > 0) yield `${where}: ${found.join('\n')}`
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        if (over > 0) yield `${where}: ${over} px wider than the screen`
        if (shots && language === 'en' && width !== 768)
          await page.screenshot({ path: `${shots}${path.replaceAll('/', '-')}-${theme}-${width}.png` })
      }
    }
  }
}

/** Yields what is wrong at a width, signed out and signed in. */
export async function* faults(browser, server, width, shots) {
  const { page, context, counted } = await openPage(browser, server.origin, { width })
  const { origin } = server
  yield* everywhere(page, origin, VISITORS, width, shots && `${shots}/visitor`)
  await page.evaluate(() => localStorage.clear())
  await page.goto(`${origin}/sign-in`)
  await enter(page)
  yield* everywhere(page, origin, PAGES, width, shots && `${shots}/page`)
  for (const kind of ['reports', 'errors', 'refused']) {
    if (counted[kind].length > 0) yield `${kind} at ${width}: ${[...new Set(counted[kind])].join('\n')}`
  }
  await context.close()
}
