// Every page in each theme, width and language: axe finds nothing, nothing is wider than the screen, no text is missing.
import { axe, enter, openPage } from './harness.mjs'

export const PAGES = [
  '/',
  '/keys',
  '/playground',
  '/usage',
  '/logs',
  '/billing',
  '/account',
  '/overview',
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
]
const THEMES = ['light', 'dark', 'contrast']
const WIDTHS = [1440, 768, 360]
const LANGUAGES = ['en', 'zh-CN']

/** Yields what is wrong, each with where it is. */
export async function* faults(browser, server, shots) {
  for (const width of WIDTHS) {
    const { page, context, counted } = await openPage(browser, server.origin, { width })
    await page.locator('h1').waitFor()
    const signedOut = await axe(page)
    if (signedOut.length > 0) yield `/sign-in at ${width}: ${signedOut.join('\n')}`
    await enter(page)
    for (const language of LANGUAGES) {
      for (const theme of THEMES) {
        await page.evaluate(
          ([theme, language]) => {
            localStorage.setItem('magic.theme', theme)
            localStorage.setItem('magic.language', language)
          },
          [theme, language],
        )
        for (const path of PAGES) {
          const where = `${path} ${theme} ${width} ${language}`
          await page.goto(server.origin + path, { waitUntil: 'networkidle' })
          await page.locator('h1').first().waitFor()
          const found = await axe(page)
          if (found.length > 0) yield `${where}: ${found.join('\n')}`
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          if (over > 0) yield `${where}: ${over} px wider than the screen`
          if (shots && language === 'en' && width !== 768)
            await page.screenshot({ path: `${shots}/page${path.replaceAll('/', '-')}-${theme}-${width}.png` })
        }
      }
    }
    for (const kind of ['reports', 'errors', 'refused']) {
      if (counted[kind].length > 0) yield `${kind} at ${width}: ${[...new Set(counted[kind])].join('\n')}`
    }
    await context.close()
  }
}
