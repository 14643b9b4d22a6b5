// A part of a chart is marked, and becomes what the page shows.
import { assert, axe, chat, flow, settled } from '../harness.mjs'

/** A call, once the charts have it. */
async function called(server) {
  const { key } = (await server.call('POST', '/api/token', { name: 'laptop', unlimited_quota: true })).data
  assert.equal((await chat(server, key)).status, 200)
  for (let wait = 0; wait < 200; wait++) {
    if ((await server.call('GET', '/api/stats?step=minute')).data.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the call is in no chart')
}

const parts = (page) => Object.fromEntries(new URL(page.url()).searchParams)
const cost = (page) => page.getByRole('img', { name: /^Cost/ }).first()
const plot = (page) => page.getByRole('slider', { name: 'Cost: mark a time' })
const marked = (page) => page.locator('[data-marked]')

/** Drags over a chart, from one share of its width to another, and does not let go. */
async function drag(page, chart, from, to) {
  const { x, y, width, height } = await chart.boundingBox()
  await page.mouse.move(x + width * from, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + width * to, y + height / 2, { steps: 6 })
}

export const flows = [
  flow('a part of a chart is marked by mouse, and left again', { once: true }, async ({ page, server }) => {
    await called(server)
    await page.goto(`${server.origin}/usage?range=week&by=token`)
    await cost(page).scrollIntoViewIfNeeded()
    // Escape while the button is down: nothing was meant.
    await drag(page, cost(page), 0.6, 0.95)
    await marked(page).waitFor()
    await page.keyboard.press('Escape')
    await marked(page).waitFor({ state: 'detached' })
    await page.mouse.up()
    assert.deepEqual(parts(page), { range: 'week', by: 'token' })
    // A press that trembles is no drag.
    await drag(page, cost(page), 0.6, 0.603)
    await page.mouse.up()
    assert.equal(await marked(page).count(), 0)
    assert.deepEqual(parts(page), { range: 'week', by: 'token' })

    await drag(page, cost(page), 0.7, 0.98)
    await page.mouse.up()
    await page.waitForURL(/range=custom/)
    const first = parts(page)
    assert.ok(first.from < first.to && first.step === 'hour' && first.by === 'token', page.url())
    await settled(page)
    await cost(page).scrollIntoViewIfNeeded()
    await drag(page, cost(page), 0.5, 0.99)
    await page.mouse.up()
    await page.waitForURL((url) => url.searchParams.get('from') > first.from)
    await page.goBack()
    await page.waitForFunction(
      (from) => new URLSearchParams(location.search).get('from') === from,
      first.from,
    )
    await page.goBack()
    await page.waitForURL(/range=week/)
    await page.goForward()
    await page.getByRole('button', { name: 'Reset zoom' }).click()
    await page.waitForURL(/range=week/)
    assert.deepEqual(parts(page), { range: 'week', by: 'token' })
    await page.getByRole('button', { name: 'Reset zoom' }).waitFor({ state: 'detached' })
  }),

  flow('a part of a chart is marked by keys', { once: true }, async ({ page, server }) => {
    await called(server)
    await page.goto(`${server.origin}/usage?range=week`)
    await plot(page).focus()
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Shift+ArrowLeft')
    await marked(page).waitFor()
    const says = await plot(page).getAttribute('aria-valuetext')
    assert.match(says, /^Marked: .+ – .+: \$/)
    assert.equal(await plot(page).getAttribute('aria-valuenow'), '4')
    assert.deepEqual(await axe(page), [])
    await page.keyboard.press('Escape')
    await marked(page).waitFor({ state: 'detached' })
    await page.keyboard.press('Enter')
    assert.deepEqual(parts(page), { range: 'week' })
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Shift+ArrowLeft')
    await page.keyboard.press('Enter')
    await page.waitForURL(/range=custom/)
    const { from, to } = parts(page)
    assert.equal(Date.parse(to) - Date.parse(from), 86_400_000, 'two days, the last of which is named')
    await page.goBack()
    await page.waitForURL(/range=week/)
  }),

  flow('the overview is looked at closer', { once: true }, async ({ page, server }) => {
    await called(server)
    await page.goto(`${server.origin}/overview`)
    await page.getByRole('heading', { name: 'The last 2 hours' }).waitFor()
    const keys = page.getByRole('slider', { name: 'Calls: mark a time' })
    await keys.focus()
    for (const key of ['ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowLeft']) await page.keyboard.press(key)
    await page.keyboard.press('Enter')
    await page.waitForURL(/from=/)
    assert.equal(
      Number(parts(page).to.replaceAll('"', '')) - Number(parts(page).from.replaceAll('"', '')),
      900,
    )
    await page.getByText('Calls in 1 minute each').waitFor()
    await settled(page)
    assert.equal(await page.locator('figure svg > g').count(), 15)
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Reset zoom' }).click()
    await page.getByRole('heading', { name: 'The last 2 hours' }).waitFor()
    await drag(page, page.locator('figure svg'), 0.2, 0.5)
    await marked(page).waitFor()
    await page.mouse.up()
    await page.waitForURL(/from=/)
    await page.goBack()
    await page.getByRole('heading', { name: 'The last 2 hours' }).waitFor()
  }),

  flow(
    'a finger marks across, and scrolls up and down',
    { once: true, page: { width: 360, height: 640, hasTouch: true } },
    async ({ page, server }) => {
      await called(server)
      await page.goto(`${server.origin}/usage?range=week`)
      await settled(page)
      await cost(page).evaluate((element) => element.scrollIntoView({ block: 'center' }))
      const session = await page.context().newCDPSession(page)
      const swipe = async (dx, dy) => {
        const { x, y, width, height } = await cost(page).boundingBox()
        const at = (share) => [
          { x: x + width * 0.9 + dx * share * width, y: y + height / 2 + dy * share * 100 },
        ]
        const touch = (type, touchPoints) => session.send('Input.dispatchTouchEvent', { type, touchPoints })
        await touch('touchStart', at(0))
        for (let step = 1; step <= 10; step++) await touch('touchMove', at(step / 10))
        await touch('touchEnd', [])
      }
      const before = await page.evaluate(() => scrollY)
      await swipe(0, -1)
      await page.waitForFunction((before) => scrollY > before, before)
      assert.deepEqual(parts(page), { range: 'week' })
      assert.equal(await marked(page).count(), 0)
      await cost(page).evaluate((element) => element.scrollIntoView({ block: 'center' }))
      await swipe(-0.4, 0)
      await page.waitForURL(/range=custom/)
    },
  ),

  flow('the trail of changes is turned page by page', {}, async ({ page, server }) => {
    for (let n = 0; n < 60; n++)
      await server.call('PUT', '/api/option', { key: 'Footer', value: `footer ${n}` })
    await page.goto(`${server.origin}/ledger?tab=audit`)
    await page.getByRole('cell', { name: /footer 59/ }).waitFor()
    assert.equal(await page.locator('main tbody tr').count(), 50)
    await page.getByRole('button', { name: 'Next' }).click()
    await page.getByRole('cell', { name: /footer 3\b/ }).waitFor()
    assert.equal(await page.getByRole('cell', { name: /footer 59/ }).count(), 0)
    await page.goBack()
    await page.getByRole('cell', { name: /footer 59/ }).waitFor()
  }),
]
