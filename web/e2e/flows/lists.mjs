import { assert, axe, chat, flow, MODEL, PASSWORD, settled } from '../harness.mjs'

/** Calls of a key, in the log. */
async function called(server, times) {
  const { key } = (await server.call('POST', '/api/token', { name: 'laptop', unlimited_quota: true })).data
  for (let n = 0; n < times; n++) assert.equal((await chat(server, key)).status, 200)
}

export const flows = [
  flow('filters are kept under a name, and come back', {}, async ({ page, server }) => {
    await called(server, 1)
    await page.getByRole('link', { name: 'Logs', exact: true }).click()
    await page.getByLabel('Model').fill('no-such')
    await page.waitForURL(/no-such/)
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'Keep these filters' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('lost calls')
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Kept as lost calls').first().waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.getByRole('row', { name: /laptop/ }).waitFor()
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'lost calls' }).click()
    await page.getByRole('row', { name: /laptop/ }).waitFor({ state: 'detached' })
    assert.match(page.url(), /model=no-such/)
    await page.getByRole('button', { name: 'lost calls' }).click()
    await page.getByRole('menuitem', { name: 'Forget lost calls' }).click()
    await page.getByRole('button', { name: 'Views' }).waitFor()
    assert.deepEqual((await server.call('GET', '/api/user/self/views')).data, [])
  }),
  flow('columns are hidden, and j goes on while details are open', {}, async ({ page, server }) => {
    await called(server, 2)
    await page.getByRole('link', { name: 'Logs', exact: true }).click()
    await page.getByRole('columnheader', { name: 'Tokens' }).waitFor()
    await page.getByRole('button', { name: 'Columns' }).click()
    const tokens = page.getByRole('menuitemcheckbox', { name: 'Tokens' })
    await tokens.click()
    await page.keyboard.press('Escape')
    await page.getByRole('columnheader', { name: 'Tokens' }).waitFor({ state: 'detached' })
    await page.reload()
    await page
      .getByRole('row', { name: /laptop/ })
      .first()
      .waitFor()
    assert.equal(await page.getByRole('columnheader', { name: 'Tokens' }).count(), 0, 'it stays so')
    await settled(page)
    await page.locator('[data-row]').first().click()
    await page.getByRole('dialog').waitFor()
    const open = () => new URL(page.url()).search
    const first = open()
    await page.keyboard.press('j')
    await page.waitForFunction((first) => location.search !== first, first)
    await page.keyboard.press('k')
    await page.waitForFunction((first) => location.search === first, first)
    await page.getByRole('dialog').getByText(MODEL).first().waitFor()
  }),
  flow('a user is found by name in the palette', {}, async ({ page, server }) => {
    await server.call('POST', '/api/user', { username: 'annabel', password: PASSWORD })
    await page.keyboard.press('Control+k')
    await page.keyboard.type('annab')
    await page.getByRole('option', { name: /annabel/ }).waitFor()
    await page.getByRole('option', { name: /annabel/ }).click()
    await page.getByRole('dialog').getByText('annabel').first().waitFor()
    assert.match(page.url(), /\/users\?id=/)
  }),
  flow('what a mouse draws over is looked at closer', { once: true }, async ({ page, server }) => {
    await called(server, 1)
    await page.goto(`${server.origin}/usage?range=week`)
    const chart = page.getByRole('img', { name: /^Cost/ }).first()
    const { x, y, width } = await chart.boundingBox()
    await page.mouse.move(x + width * 0.6, y + 100)
    await page.mouse.down()
    await page.mouse.move(x + width * 0.8, y + 100, { steps: 4 })
    await page.mouse.move(x + width * 0.95, y + 100, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/range=custom/)
    const { searchParams } = new URL(page.url())
    assert.ok(searchParams.get('from') < searchParams.get('to'), page.url())
    assert.equal(searchParams.get('step'), 'hour')
    await page.getByRole('img', { name: /^Cost/ }).first().waitFor()
  }),
  flow('another page hears of what was changed here', {}, async ({ page, context, server }) => {
    const other = await context.newPage()
    const listening = other.waitForResponse(/\/api\/events/)
    await other.goto(`${server.origin}/keys`)
    await other.getByRole('heading', { level: 1, name: 'Keys' }).waitFor()
    await listening
    await server.call('POST', '/api/token', { name: 'from elsewhere', unlimited_quota: true })
    await other.getByRole('row', { name: /from elsewhere/ }).waitFor()
    await page.getByRole('link', { name: 'Keys', exact: true }).click()
    await page.getByRole('row', { name: /from elsewhere/ }).waitFor()
  }),
  flow('what changed before a page listened is heard', { once: true }, async ({ context, server }) => {
    const page = await context.newPage()
    let listen
    const late = new Promise((resolve) => {
      listen = resolve
    })
    await page.route('**/api/events*', async (route) => {
      await late
      await route.continue()
    })
    const listed = page.waitForResponse(/\/api\/token\?/)
    await page.goto(`${server.origin}/keys`)
    await listed
    await server.call('POST', '/api/token', { name: 'made meanwhile', unlimited_quota: true })
    listen()
    await page.getByRole('row', { name: /made meanwhile/ }).waitFor()
  }),
]
