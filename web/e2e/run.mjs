// Every flow in a real browser against the real binary, with its clicks counted; then all pages by axe (pages.mjs).
import { readdirSync } from 'node:fs'
import { overweight } from './budgets.mjs'
import { drift } from './drift.mjs'
import {
  binaryFrom,
  byKeyboard,
  enter,
  openPage,
  seed,
  startBrowser,
  startServer,
  startVendor,
} from './harness.mjs'
import { unfit } from './languages.mjs'
import { furnish, overlaid } from './overlays.mjs'
import { faults, WIDTHS } from './pages.mjs'
import { untabbed } from './tabs.mjs'

const binary = binaryFrom(process.argv[2])
const only = process.argv.slice(3)
const shots = process.env.MAGIC_E2E_SHOTS
let passed = 0
/** Told where they happen, and again at the end: of a long run often only the end is kept. */
const failures = []
const fail = (what) => {
  failures.push(what)
  console.log(`FAIL ${what}`)
}
const browser = await startBrowser()

async function attempt({ name: called, limit, steps }, keyboard) {
  const name = keyboard ? `${called}, by keyboard` : called
  let mouse = () => {}
  const vendor = await startVendor()
  const server = await startServer(binary, limit.first ? { password: '' } : {})
  try {
    if (!limit.first) await seed(server, vendor)
    const { page, context, counted } = await openPage(browser, server.origin, limit.page)
    if (!limit.first && !limit.visitor) await enter(page)
    if (keyboard) mouse = byKeyboard(page)
    counted.clicks = 0
    await steps({ page, context, server, vendor, counted })
    if (limit.clicks && counted.clicks > limit.clicks)
      throw new Error(`${counted.clicks} clicks, at most ${limit.clicks}`)
    for (const kind of ['reports', 'errors', ...(limit.refusals ? [] : ['refused'])]) {
      if (counted[kind].length > 0) throw new Error(`${kind}: ${counted[kind].join('\n')}`)
    }
    passed += 1
    console.log(`ok   ${name}${limit.clicks ? ` (${counted.clicks} of ${limit.clicks} clicks)` : ''}`)
  } catch (error) {
    fail(`${name}\n${error.stack ?? error}`)
    const page = browser.contexts()[0]?.pages()[0]
    if (page && shots) await page.screenshot({ path: `${shots}/${name.replaceAll(/\W+/g, '-')}.png` })
  } finally {
    mouse()
    for (const context of browser.contexts()) await context.close()
    await server.stop()
    vendor.stop()
  }
}

for (const file of readdirSync(new URL('./flows/', import.meta.url)).sort()) {
  const { flows } = await import(`./flows/${file}`)
  for (const one of flows) {
    if (only.length > 0 && !only.some((part) => one.name.includes(part))) continue
    await attempt(one, false)
    if (!one.limit.once) await attempt(one, true)
  }
}
if (only.length === 0 || only.includes('pages')) {
  const vendor = await startVendor()
  const server = await startServer(binary)
  await seed(server, vendor)
  const count = (wrong) => {
    if (wrong) fail(wrong)
    else passed += 1
  }
  count(await drift(server.origin))
  const opened = await furnish(server)
  // Two at a time: that is how many cores there are at least.
  const checks = [
    ...WIDTHS.map((width) => [`pages at ${width}`, faults(browser, server, width, shots)]),
    ...WIDTHS.map((width) => [
      `what lies over them at ${width}`,
      overlaid(browser, server, width, opened, shots),
    ]),
    ...[1440, 360].map((width) => [`other languages at ${width}`, unfit(browser, server, width, shots)]),
    ['the way by Tab', untabbed(browser, server)],
  ].values()
  const look = async () => {
    for (const [name, check] of checks) {
      let faulty = 0
      try {
        for await (const fault of check) {
          faulty += 1
          count(fault)
        }
      } catch (error) {
        faulty += 1
        count(error.stack ?? error)
      }
      if (faulty === 0) {
        count(null)
        console.log(`ok   ${name}`)
      }
    }
  }
  await Promise.all([look(), look()])
  // What is loaded is weighed with nothing beside it.
  let heavy = 0
  for await (const fault of overweight(browser, server)) {
    heavy += 1
    count(fault)
  }
  if (heavy === 0) count(null)
  await server.stop()
  vendor.stop()
}
await browser.close()
for (const what of failures) console.log(`\nfailed: ${what}`)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0
