// The way by Tab: on every page it reaches every control, shows where it is, and gets out again.
import { enter, openPage, visit } from './harness.mjs'
import { PAGES } from './pages.mjs'

/** Marks the controls that Tab should reach; how many there are. */
const mark = () => {
  const kinds = 'a[href], button, input, select, textarea, summary, iframe, [tabindex]'
  const all = [...document.querySelectorAll(kinds)].filter(
    (element) =>
      element.tabIndex >= 0 &&
      !element.disabled &&
      element.type !== 'hidden' &&
      element.checkVisibility({ visibilityProperty: true }),
  )
  window.unreached = new Set(all)
  window.unseen = []
  return all.length
}

/** Notes where the focus is; whether it is on the page. */
const note = () => {
  const now = document.activeElement
  if (!now || now === document.body) return false
  window.unreached.delete(now)
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(now)
  const seen = (outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
  if (!seen) window.unseen.push(now.outerHTML.slice(0, 120))
  return true
}

export async function* untabbed(browser, server) {
  const { page, context } = await openPage(browser, server.origin)
  await enter(page)
  for (const path of PAGES) {
    await visit(page, server.origin + path)
    await page.locator('h1').first().waitFor()
    const count = await page.evaluate(mark)
    // Some controls of dates have several stops.
    for (let press = 0; press < count + 40; press++) {
      await page.keyboard.press('Tab')
      if (!(await page.evaluate(note)) && press > count) break
    }
    const [unreached, unseen] = await page.evaluate(() => [
      [...window.unreached].map((element) => element.outerHTML.slice(0, 120)),
      [...new Set(window.unseen)],
    ])
    for (const element of unreached) yield `${path}: Tab does not reach ${element}`
    for (const element of unseen) yield `${path}: the focus is not seen on ${element}`
  }
  await context.close()
}
