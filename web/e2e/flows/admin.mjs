import { readFileSync } from 'node:fs'
import { assert, axe, chat, enter, flow, MODEL, openPage, PASSWORD, settled } from '../harness.mjs'

const go = (page, name) => page.getByRole('link', { name, exact: true }).first().click()

/** Calls of a key that was made for them. */
async function called(server, times) {
  const { data } = await server.call('POST', '/api/token', { name: 'caller', unlimited_quota: true })
  for (let n = 0; n < times; n++) assert.equal((await chat(server, data.key)).status, 200)
}

export const flows = [
  flow('a channel with several keys, one of them paused', {}, async ({ page, server, vendor }) => {
    const keys = ['sk-first-0123456789', 'sk-second-987654321']
    const many = { type: 8, name: 'two keys', keys, models: MODEL, base_url: vendor.url }
    const { data } = await server.call('POST', '/api/channel', many)
    await go(page, 'Channels')
    await page.getByRole('button', { name: 'two keys', exact: true }).click()
    const one = page.getByRole('listitem').filter({ hasText: '…6789' })
    await one.getByRole('button', { name: 'Pause' }).click()
    await one.getByText('paused').waitFor()
    await page.getByText('Saved', { exact: true }).waitFor()
    await page.getByLabel('More keys').fill('sk-third-0000000001')
    await page.getByRole('button', { name: 'Add these keys' }).click()
    await page.getByText('…0001').waitFor()
    await page.getByRole('button', { name: 'Delete the key that ends in 4321?' }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).last().click()
    await page.getByText('…4321').waitFor({ state: 'detached' })
    const left = (await server.call('GET', `/api/channel/${data.ids[0]}/keys`)).data
    assert.deepEqual(
      left.map(({ tail, status }) => [tail, status]),
      [
        ['6789', 2],
        ['0001', 1],
      ],
    )
  }),
  flow('the models of the vendor are taken over', {}, async ({ page, server, vendor }) => {
    const key = 'sk-vendor-key-0123456789'
    const old = { type: 8, name: 'old', key, models: 'gone', base_url: vendor.url, tags: 'a,b' }
    const { data } = await server.call('POST', '/api/channel', old)
    const now = async () => (await server.call('GET', `/api/channel/${data.ids[0]}`)).data
    await go(page, 'Channels')
    await page.getByRole('button', { name: 'old', exact: true }).click()
    await page.getByRole('button', { name: 'Ask the vendor for its models' }).click()
    await page.getByRole('checkbox', { name: 'gone' }).check()
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Add or take away 2' }).click()
    await page.getByRole('button', { name: 'Add or take away 2' }).waitFor({ state: 'detached' })
    assert.equal((await now()).models, MODEL)
    await page.getByText('More settings').click()
    await page.getByLabel('Headers').fill('{"x-team": "blue"}')
    await page.getByLabel('Dollars per day').fill('2.50')
    await page.getByLabel('Weight').fill('9')
    // The models, too, were said to be saved.
    const told = page.waitForResponse((answer) => answer.request().method() === 'PUT')
    await page.getByRole('button', { name: 'Save' }).click()
    await told
    const saved = await now()
    assert.deepEqual([saved.weight, saved.headers['x-team'], saved.tags], [9, 'blue', ['a', 'b']])
    assert.equal(saved.limits.budgets.day, 1_250_000)
    await page.getByRole('button', { name: 'Test', exact: true }).click()
    await page.getByText(`Works: ${MODEL} answered`).waitFor()
  }),
  flow('a failing channel is paused, and that undone', { clicks: 2 }, async ({ page, server, vendor }) => {
    const broken = { type: 8, name: 'broken', key: 'bad-0123456789', models: 'alone', base_url: vendor.url }
    const { data } = await server.call('POST', '/api/channel', broken)
    await server.call('GET', `/api/channel/test/${data.ids[0]}`)
    await page.keyboard.press('g')
    await page.keyboard.press('o')
    await page.getByText('1 of 2 channels is failing.').waitFor()
    await page.getByRole('button', { name: 'Pause broken' }).click()
    await page.getByText('No channel is failing, of 2.').waitFor()
    await page.getByText('broken is paused').first().waitFor()
    const status = async () => (await server.call('GET', `/api/channel/${data.ids[0]}`)).data.status
    assert.equal(await status(), 2)
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('broken takes calls again').first().waitFor()
    assert.equal(await status(), 1)
  }),
  flow('a user is credited $10', { clicks: 4 }, async ({ page, server }) => {
    const { data } = await server.call('POST', '/api/user', { username: 'ann', password: PASSWORD })
    await go(page, 'Users')
    await page.getByRole('button', { name: 'Add credit: ann' }).click()
    await page.getByLabel('Amount in dollars').fill('10')
    await page.getByLabel('Reason').fill('goodwill')
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Add credit', exact: true }).click()
    await page.getByRole('row', { name: /ann/ }).getByText('$10.00').waitFor()
    assert.equal((await server.call('GET', `/api/user/${data.id}`)).data.quota, 5_000_000)
  }),
  flow('100 vouchers are made and taken along', { clicks: 3 }, async ({ page, server }) => {
    await go(page, 'Vouchers')
    await page.getByRole('button', { name: 'New vouchers' }).click()
    assert.deepEqual(await axe(page), [])
    const file = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Create & download' }).click()
    const lines = readFileSync(await (await file).path(), 'utf8')
      .trim()
      .split('\r\n')
    assert.equal(lines.length, 101)
    const code = lines[1].split(',')[0].replaceAll('"', '')
    assert.equal((await server.call('POST', '/api/user/topup', { key: code })).data, 5_000_000)
    await page.getByRole('cell', { name: 'can be redeemed' }).first().waitFor()
  }),
  flow('a price is changed, with what it would have cost', { clicks: 3 }, async ({ page, server }) => {
    await called(server, 2)
    await go(page, 'Models and prices')
    await page.getByRole('button', { name: `Edit ${MODEL}` }).click()
    await page.getByLabel(`Input: ${MODEL}`, { exact: true }).fill('5')
    // Two calls of 12 tokens in and 3 out, at 5 dollars instead of 2.50 in.
    await page.getByText('The last 7 days would have cost +$0.00006').waitFor()
    await page.getByRole('button', { name: 'Save' }).click()
    await page
      .getByRole('row', { name: new RegExp(MODEL) })
      .getByText('$5', { exact: true })
      .waitFor()
    // It is shown before the API has it.
    await page.getByText(`The price of ${MODEL} is saved`).first().waitFor()
    const { data } = await server.call('GET', '/api/price')
    assert.deepEqual(data.models[0].price.rates, { input: 5_000_000_000, output: 10_000_000_000 })
  }),
  flow('a price is put back', {}, async ({ page, server }) => {
    await server.call('PUT', '/api/price', { model: MODEL, price: { rates: { input: 1 } } })
    await go(page, 'Models and prices')
    await page.getByRole('button', { name: MODEL, exact: true }).click()
    await page.getByRole('button', { name: 'Put back' }).click()
    await page
      .getByRole('row', { name: new RegExp(MODEL) })
      .getByText('$2.5', { exact: true })
      .waitFor()
  }),
  flow('settings are saved after a look at the difference', {}, async ({ page, server }) => {
    await go(page, 'Settings')
    await page.getByLabel('Sign-in with GitHub').check()
    await page.getByLabel('GitHub client id').fill('abc')
    await page.getByLabel('Dollars for a new user').fill('1.25')
    await page.getByRole('button', { name: 'Review and save' }).click()
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    const { data } = await server.call('GET', '/api/option')
    const value = (key) => data.find((option) => option.key === key).value
    assert.equal(value('QuotaForNewUser'), '625000')
    assert.equal(value('GitHubOAuthEnabled'), 'true')
  }),
  flow('an administrator sees no control that is refused', { once: true }, async ({ page, server }) => {
    await server.call('POST', '/api/user', { username: 'ben', password: PASSWORD, role: 10 })
    await server.call('POST', '/api/user', { username: 'ann', password: PASSWORD })
    const other = await openPage(page.context().browser(), server.origin)
    await enter(other.page, 'ben')
    for (const name of ['Overview', 'Channels', 'Models and prices', 'Users', 'Groups', 'Vouchers']) {
      await go(other.page, name)
      await other.page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
      await settled(other.page)
    }
    assert.equal(await other.page.getByRole('link', { name: 'Settings' }).count(), 0)
    await go(other.page, 'Users')
    await other.page.getByRole('button', { name: 'root', exact: true }).click()
    await other.page.getByText('not yours to change').waitFor()
    assert.equal(await other.page.getByRole('button', { name: 'Add credit: root' }).count(), 0)
    assert.deepEqual(other.counted.refused, [])
    await other.context.close()
  }),
]
