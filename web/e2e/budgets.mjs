// What a page weighs when it is opened for the first time, as it comes over the network (dashboard.md §8).
import { readdirSync, statSync } from 'node:fs'
import { enter, openPage, visit } from './harness.mjs'

const KB = 1024

/** Encoded bytes of what the page has loaded, by the ends of the names. */
const loaded = (page, ending) =>
  page.evaluate(
    (ending) =>
      performance
        .getEntriesByType('resource')
        .filter((entry) => new URL(entry.name).pathname.endsWith(ending))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    ending,
  )

/** Yields what is too heavy; tells the figures. */
export async function* overweight(browser, server) {
  const { page, context } = await openPage(browser, server.origin)
  await page.getByRole('heading', { level: 1 }).waitFor()
  const signIn = await loaded(page, '.js')
  const css = await loaded(page, '.css')
  await enter(page)
  await visit(page, server.origin)
  const home = await loaded(page, '.js')
  await context.close()
  const folder = new URL('../dist/assets/', import.meta.url)
  const sizes = (ending) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => statSync(new URL(name, folder)).size)
  const sum = (list) => list.reduce((total, size) => total + size, 0)
  for (const [what, size, most] of [
    ['scripts of sign-in', signIn, 130 * KB],
    ['scripts of Home', home, 200 * KB],
    ['styles', css, 20 * KB],
    ['all scripts', sum(sizes('.js.br')), 600 * KB],
    ['all that is embedded', sum(sizes('')), 2048 * KB],
  ]) {
    console.log(`     ${what}: ${(size / KB).toFixed(1)} of ${most / KB} KB`)
    if (size === 0 || size > most) yield `${what}: ${size} bytes, at most ${most}`
  }
}
