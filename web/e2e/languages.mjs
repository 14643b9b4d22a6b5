// Every page in every other language, and in one whose texts are four tenths longer: nothing is wider than the screen,
// no control is cut off.
import { enter, openPage, visit } from './harness.mjs'
import { PAGES, VISITORS } from './pages.mjs'

const LANGUAGES = ['zh-TW', 'ja', 'ko', 'es', 'fr', 'de', 'pt-BR', 'ru', 'en-XA']

/** The texts of controls and headings that don't fit where they stand. */
const cut = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('button, h1, h2, th, label, dt, nav a, header a')]
      .filter((element) => {
        const { overflowX, textOverflow } = getComputedStyle(element)
        // What ends in an ellipsis on purpose tells the whole by its title.
        if (overflowX === 'visible' || (textOverflow === 'ellipsis' && element.title)) return false
        // A label for those who hear the page is one pixel wide.
        return element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1
      })
      .map((element) => element.textContent?.slice(0, 60)),
  )

export async function* unfit(browser, server, width, shots) {
  const { page, context } = await openPage(browser, server.origin, { width })
  for (const [paths, within] of [
    [VISITORS, false],
    [PAGES, true],
  ]) {
    if (within) {
      await page.evaluate(() => localStorage.clear())
      await page.goto(`${server.origin}/sign-in`)
      await enter(page)
    }
    for (const language of LANGUAGES) {
      await page.evaluate((language) => localStorage.setItem('magic.language', language), language)
      for (const path of paths) {
        const where = `${path} ${width} ${language}`
        await visit(page, server.origin + path)
        await page.locator('h1').first().waitFor()
        const spoken = await page.evaluate(() => document.documentElement.lang)
        if (spoken !== language) yield `${where}: ${spoken} is spoken`
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        if (over > 0) yield `${where}: ${over} px wider than the screen`
        const texts = await cut(page)
        if (texts.length > 0) yield `${where}: cut off: ${texts.join(' | ')}`
        if (shots && within && ['ja', 'de', 'en-XA'].includes(language))
          await page.screenshot({
            path: `${shots}/language${path.replaceAll('/', '-')}-${language}-${width}.png`,
          })
      }
    }
  }
  await context.close()
}
