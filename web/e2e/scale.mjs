// How the dashboard feels on an installation that has grown: a year of logs, 10,000 channels, 100,000 users.
//
//   target/bench-fast/magic-bench lists --magic target/bench-fast/magic --rows 1000000 --calls 1 --only none \
//     --dsn sqlite:/somewhere/grown.db            # fills the database once
//   node e2e/scale.mjs target/bench-fast/magic /somewhere/grown.db
//
// Told are, for each page: the largest paint, shifts, the time that scripts block, until rows can be read, and what a
// press costs until the next frame. `desktop` is this machine as it is, `mobile` a quarter of it behind 1.6 Mbit/s and
// 150 ms, as Lighthouse has it. Figures, not a test: they depend on the machine.
import { binaryFrom, enter, openPage, settled, startBrowser, startServer } from './harness.mjs'

const binary = binaryFrom(process.argv[2])
const database = process.argv[3]
if (!database) throw new Error('usage: node e2e/scale.mjs PATH-OF-MAGIC PATH-OF-THE-DATABASE')

/** The filled database's own: benches/src/peers.rs and lists/fill.rs. */
const env = {
  SQL_DSN: `sqlite:${database}`,
  MAGIC_MASTER_KEY: 'a master key of the benches',
}
const PAGES = {
  '/': 'main h1',
  '/logs': 'main tbody tr',
  '/usage': 'main svg',
  '/overview': 'main [role=status]',
  '/alerts': 'main [role=status]',
  '/channels': 'main tbody tr',
  '/users': 'main tbody tr',
  '/prices': 'main tbody tr',
}
const DEVICES = {
  desktop: { width: 1440, height: 900 },
  mobile: { width: 390, height: 844, slow: true },
}
/** A press or a typed word on a page, and what shows that it was done. */
const PRESSES = {
  '/logs': (page) => page.locator('select').first().selectOption('2'),
  '/channels': (page) => page.locator('main select').first().selectOption('1'),
  '/users': (page) => page.getByRole('searchbox').fill('user777'),
}

const observe = () => {
  const seen = { lcp: 0, cls: 0, blocked: 0, slowest: 0 }
  window.seen = seen
  const watch = (type, note, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({
      type,
      buffered: true,
      ...more,
    })
  watch('largest-contentful-paint', (entry) => {
    seen.lcp = entry.startTime
  })
  watch('layout-shift', (entry) => {
    if (!entry.hadRecentInput) seen.cls += entry.value
  })
  watch('longtask', (entry) => {
    seen.blocked += Math.max(0, entry.duration - 50)
  })
  watch(
    'event',
    (entry) => {
      seen.slowest = Math.max(seen.slowest, entry.duration)
    },
    { durationThreshold: 16 },
  )
}

const round = (value) => Math.round(value)
const server = await startServer(binary, { password: 'bench password', env })
const browser = await startBrowser()
console.log('device   page        LCP ms  CLS    TBT ms  rows ms  press ms  filter ms  heap MB')
for (const [device, { slow, ...size }] of Object.entries(DEVICES)) {
  const { page, context } = await openPage(browser, server.origin, size)
  await enter(page, 'root', 'bench password')
  await context.addInitScript(observe)
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  if (slow) {
    await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
    const speed = (1.6 * 1024 * 1024) / 8
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 150,
      downloadThroughput: speed,
      uploadThroughput: speed / 2,
    })
  }
  for (const [path, rows] of Object.entries(PAGES)) {
    // As somebody sees it who comes for the first time.
    await session.send('Network.clearBrowserCache')
    const begun = performance.now()
    await page.goto(server.origin + path)
    await page.locator(rows).first().waitFor()
    const usable = performance.now() - begun
    await settled(page)
    const { lcp, cls, blocked } = await page.evaluate(() => window.seen)
    let [press, filter] = [0, 0]
    if (PRESSES[path]) {
      await page.evaluate(() => {
        window.seen.slowest = 0
      })
      const before = performance.now()
      await PRESSES[path](page)
      await page.waitForURL(/\?/)
      await settled(page)
      // `settled` waits for 300 ms of silence.
      filter = performance.now() - before - 300
      press = await page.evaluate(() => window.seen.slowest)
    }
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    console.log(
      [
        device.padEnd(8),
        path.padEnd(10),
        String(round(lcp)).padStart(7),
        cls.toFixed(3).padStart(6),
        String(round(blocked)).padStart(8),
        String(round(usable)).padStart(8),
        String(press ? round(press) : '').padStart(9),
        String(filter ? round(filter) : '').padStart(10),
        (usedSize / 1e6).toFixed(1).padStart(8),
      ].join(' '),
    )
  }
  await context.close()
}
await browser.close()
await server.stop()
