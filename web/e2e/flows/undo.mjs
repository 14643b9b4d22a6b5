// What is changed is shown at once, taken back where it is refused, and undone where somebody thinks better of it.
import { assert, axe, flow, hold, MODEL, PASSWORD } from '../harness.mjs'

const go = (page, name) => page.getByRole('link', { name, exact: true }).first().click()
const row = (page, name) => page.getByRole('row', { name })
const undo = (page) => page.getByRole('button', { name: 'Undo' })
const undone = async (page) => {
  await undo(page).click()
  await page.getByText('Undone', { exact: true }).waitFor()
}

const TOKENS = /\/api\/token\?/
const made = async (server, name) =>
  (await server.call('POST', '/api/token', { name, unlimited_quota: true })).data
const statusOf = async (server, id) => (await server.call('GET', `/api/token/${id}`)).data.status

export const flows = [
  flow('a key is disabled at once, and that undone', { clicks: 3 }, async ({ page, server }) => {
    const { id } = await made(server, 'laptop')
    await go(page, 'Keys')
    const held = await hold(page, 'PUT', TOKENS)
    await row(page, /laptop/)
      .getByRole('button', { name: 'Disable' })
      .click()
    await row(page, /laptop/)
      .getByText('disabled')
      .waitFor()
    assert.equal(await statusOf(server, id), 1, 'the API was not asked yet')
    assert.equal(await undo(page).count(), 0)
    held.pass()
    await page.getByText('The key laptop is disabled').first().waitFor()
    assert.equal(await statusOf(server, id), 2)
    assert.deepEqual(await axe(page), [])
    await undo(page).click()
    await page.getByText('The key laptop works again').first().waitFor()
    await row(page, /laptop/)
      .getByText('enabled')
      .waitFor()
    assert.equal(await statusOf(server, id), 1)
    assert.equal(await undo(page).count(), 0, 'it is offered once')
  }),

  flow('a refused change is taken back, and says why', {}, async ({ page, server }) => {
    const { id } = await made(server, 'laptop')
    await go(page, 'Keys')
    const held = await hold(page, 'PUT', TOKENS)
    const state = (text) =>
      row(page, /laptop/)
        .getByText(text)
        .waitFor()
    await row(page, /laptop/)
      .getByRole('button', { name: 'Disable' })
      .click()
    await state('disabled')
    // Before the list is asked for again.
    const list = await hold(page, 'GET', TOKENS)
    held.refuse()
    await page.getByText('not just now').first().waitFor()
    await state('enabled')
    list.pass()
    assert.equal(await statusOf(server, id), 1)
    assert.equal(await undo(page).count(), 0)
    // So is the undoing of a change.
    await held.forget()
    await row(page, /laptop/)
      .getByRole('button', { name: 'Disable' })
      .click()
    await page.getByText('The key laptop is disabled').first().waitFor()
    const again = await hold(page, 'PUT', TOKENS)
    await undo(page).click()
    await state('enabled')
    again.refuse()
    await page.getByText('Not undone: not just now').first().waitFor()
    await state('disabled')
    assert.equal(await statusOf(server, id), 2)
  }),

  flow('many channels get back what each one was', {}, async ({ page, server, vendor }) => {
    const was = [
      ['many a', 1, 0, 'x'],
      ['many b', 2, 5, 'x,y'],
      ['many c', 3, 5, ''],
      ['many d', 1, 7, ''],
    ]
    for (const [name, status, priority, tags] of was) {
      const channel = { type: 8, name, key: 'sk-a', models: 'other', base_url: vendor.url, priority, tags }
      const { ids } = (await server.call('POST', '/api/channel', channel)).data
      await server.call('PUT', '/api/channel', { id: ids[0], status })
    }
    const now = async () =>
      (await server.call('GET', '/api/channel?page_size=100')).data
        .filter(({ name }) => name.startsWith('many'))
        .map(({ name, status, priority, tags }) => [name, status, priority, tags.join()])
        .sort()
    assert.deepEqual(await now(), was)
    await page.goto(`${server.origin}/channels?q=many`)
    const change = async (action, value) => {
      await page.getByLabel('Choose all rows').click()
      await page.getByRole('button', { name: action, exact: true }).first().click()
      if (value) await page.getByRole('dialog').getByRole('textbox').fill(value)
      await page.getByRole('button', { name: /^Do it for/ }).click()
      await page.getByText('4 channels changed').first().waitFor()
    }
    await change('Pause')
    assert.deepEqual(
      (await now()).map((one) => one[1]),
      [2, 2, 2, 2],
    )
    await undone(page)
    assert.deepEqual(await now(), was)
    await row(page, /many c/)
      .getByText('switched off by itself')
      .waitFor()
    await page.reload()
    await change('Priority', '9')
    assert.deepEqual(
      (await now()).map((one) => one[2]),
      [9, 9, 9, 9],
    )
    await undone(page)
    assert.deepEqual(await now(), was)
    await page.reload()
    await change('Tags', 'z')
    await undone(page)
    assert.deepEqual(await now(), was)
  }),

  flow('a setting gets back what it was, but not with a secret', {}, async ({ page, server }) => {
    const value = async (key) =>
      (await server.call('GET', '/api/option')).data.find((option) => option.key === key).value
    const before = await value('QuotaForNewUser')
    await go(page, 'Settings')
    const save = async () => {
      await page.getByRole('button', { name: 'Review and save' }).click()
      await page.getByRole('button', { name: 'Save', exact: true }).click()
      await page.getByText('Saved', { exact: true }).waitFor()
    }
    await page.getByLabel('Dollars for a new user').fill('1.25')
    await page.getByLabel('GitHub client id').fill('abc')
    await page.getByLabel('Sign-in with GitHub').check()
    await save()
    assert.equal(await value('QuotaForNewUser'), '625000')
    await undone(page)
    assert.equal(await value('QuotaForNewUser'), before)
    assert.equal(await value('GitHubOAuthEnabled'), 'false')
    assert.equal(await page.getByLabel('GitHub client id').inputValue(), '')
    await page.getByLabel('GitHub client id').fill('abc')
    await page.getByLabel('GitHub client secret').fill('s3cret')
    await save()
    assert.equal(await undo(page).count(), 0)
    assert.equal(await value('GitHubClientId'), 'abc')
  }),

  flow('a price is shown at once, and put back', {}, async ({ page, server }) => {
    const rates = async (model) =>
      (await server.call('GET', '/api/price')).data.models.find((one) => one.model === model)?.price.rates
    await go(page, 'Models and prices')
    await page.getByRole('button', { name: `Edit ${MODEL}` }).click()
    await page.getByLabel(`Input: ${MODEL}`, { exact: true }).fill('5')
    const held = await hold(page, 'PUT', '**/api/price')
    await page.getByRole('button', { name: 'Save' }).click()
    const shows = (text) => row(page, new RegExp(MODEL)).getByText(text, { exact: true }).waitFor()
    await shows('$5')
    assert.equal((await rates(MODEL)).input, 2_500_000_000, 'the API was not asked yet')
    held.pass()
    await page.getByText(`The price of ${MODEL} is saved`).first().waitFor()
    assert.equal((await rates(MODEL)).input, 5_000_000_000)
    await undone(page)
    await shows('$2.5')
    assert.deepEqual(await rates(MODEL), { input: 2_500_000_000, output: 10_000_000_000 })
    // One that was added goes.
    await page.getByLabel('Name of a model').fill('fresh-model')
    await page.getByRole('button', { name: 'Add a price' }).click()
    await page.getByRole('dialog').getByLabel('Input', { exact: true }).fill('1')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await row(page, /fresh-model/).waitFor()
    await page.getByText('The price of fresh-model is saved').first().waitFor()
    const told = page.waitForResponse((answer) => answer.request().method() === 'DELETE')
    await undo(page).last().click()
    await row(page, /fresh-model/).waitFor({ state: 'detached' })
    await told
    assert.equal(await rates('fresh-model'), undefined)
    // One that is refused can be typed on.
    await page.getByRole('button', { name: `Edit ${MODEL}` }).click()
    await page.getByLabel(`Input: ${MODEL}`, { exact: true }).fill('7')
    const no = await hold(page, 'PUT', '**/api/price')
    await page.getByRole('button', { name: 'Save' }).click()
    await shows('$7')
    no.refuse()
    await page.getByText('not just now').first().waitFor()
    assert.equal(await page.getByLabel(`Input: ${MODEL}`, { exact: true }).inputValue(), '7')
  }),

  flow('what was saved in a drawer is undone there', {}, async ({ page, server, vendor }) => {
    const channel = (await server.call('GET', '/api/channel')).data[0]
    const now = async () => (await server.call('GET', `/api/channel/${channel.id}`)).data
    await page.goto(`${server.origin}/channels?id=${channel.id}`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('renamed')
    await dialog.getByLabel('Weight').fill('9')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    assert.deepEqual([(await now()).name, (await now()).weight], ['renamed', 9])
    assert.deepEqual(await axe(page), [])
    await undone(page)
    assert.deepEqual([(await now()).name, (await now()).weight], ['main', channel.weight])
    assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), 'main')
    assert.equal((await now()).key_tail, channel.key_tail, 'the key was left alone')
    // Another host takes the key along: nothing puts that back.
    await dialog.getByLabel('Base URL').fill(vendor.url.replace('127.0.0.1', 'localhost'))
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).last().waitFor()
    assert.equal(await undo(page).count(), 0)
  }),

  flow('accounts, groups, vouchers and labels get back what they were', {}, async ({ page, server }) => {
    const { data: ann } = await server.call('POST', '/api/user', { username: 'ann', password: PASSWORD })
    const user = async () => (await server.call('GET', `/api/user/${ann.id}`)).data
    await page.goto(`${server.origin}/users?id=${ann.id}`)
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Ban', exact: true }).click()
    await page.getByRole('button', { name: 'Ban', exact: true }).last().click()
    await page.getByText('ann is banned').first().waitFor()
    assert.equal((await user()).status, 2)
    await undo(page).click()
    await page.getByText('The ban of ann is lifted').first().waitFor()
    assert.equal((await user()).status, 1)
    await dialog.getByLabel('Shown name').fill('Ann B.')
    await dialog.getByLabel('Requests per minute').fill('5')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    assert.deepEqual([(await user()).display_name, (await user()).limits.rpm], ['Ann B.', 5])
    await undone(page)
    assert.deepEqual(
      [(await user()).display_name, (await user()).limits.rpm ?? null],
      [ann.display_name, null],
    )

    await server.call('PUT', '/api/group/friends', { ratio: 0.8 })
    const group = async () =>
      (await server.call('GET', '/api/group/all')).data.find(({ name }) => /friends|family/.test(name))
    await page.goto(`${server.origin}/groups?name=friends`)
    await dialog.getByLabel('Name', { exact: true }).fill('family')
    await dialog.getByLabel('Percent beside the price').fill('-50')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await row(page, /family/).waitFor()
    assert.deepEqual([(await group()).name, (await group()).ratio], ['family', 0.5])
    await undone(page)
    await row(page, /friends/).waitFor()
    assert.deepEqual([(await group()).name, (await group()).ratio], ['friends', 0.8])

    await server.call('POST', '/api/redemption', { name: 'gift', quota: 1000, count: 1 })
    const voucher = async () => (await server.call('GET', '/api/redemption')).data[0].status
    await go(page, 'Vouchers')
    await row(page, /gift/).getByRole('button', { name: 'Disable' }).click()
    await page.getByText('The voucher gift is disabled').first().waitFor()
    assert.equal(await voucher(), 2)
    await undo(page).last().click()
    await page.getByText('The voucher gift can be redeemed again').first().waitFor()
    assert.equal(await voucher(), 1)

    const messages = [{ role: 'user', content: 'one' }]
    await server.call('POST', '/api/prompt', { name: 'helper', messages })
    const more = [{ role: 'user', content: 'two' }]
    await server.call('POST', '/api/prompt/helper/versions', { messages: more })
    await server.call('PUT', '/api/prompt/helper/labels/live', { version: 1 })
    const label = async () => (await server.call('GET', '/api/prompt/helper')).data.labels.live
    await page.goto(`${server.origin}/prompts?prompt=helper`)
    await dialog.getByLabel('Label', { exact: true }).fill('live')
    await dialog.getByLabel('Version, or shares of calls').fill('2')
    await dialog.getByRole('button', { name: 'Set label' }).click()
    await page.getByText('live means version 2 now').first().waitFor()
    assert.equal(await label(), 2)
    await undo(page).click()
    await page.getByText('live means version 1 now').first().waitFor()
    assert.equal(await label(), 1)
    await dialog.getByRole('button', { name: /live/ }).click()
    await page.getByText('The label live is removed').first().waitFor()
    assert.equal(await label(), undefined)
    await undo(page).last().click()
    await page.getByText('live means version 1 now').first().waitFor()
    assert.equal(await label(), 1)
  }),

  flow('what was made is in its list', {}, async ({ page, vendor }) => {
    const dialog = page.getByRole('dialog')
    await go(page, 'Keys')
    await page.getByRole('button', { name: 'New key' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill('new one')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByTestId('key').waitFor()
    await page.keyboard.press('Escape')
    await row(page, /new one/).waitFor()
    await go(page, 'Users')
    await page.getByRole('button', { name: 'New user' }).click()
    await dialog.getByLabel('User name').fill('berta')
    await dialog.getByLabel('Password').fill(PASSWORD)
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByText('This is its first key').or(dialog.getByText('Shown name')).first().waitFor()
    await page.keyboard.press('Escape')
    await row(page, /berta/).waitFor()
    await go(page, 'Channels')
    await page.getByRole('button', { name: 'Add a channel' }).click()
    await dialog.getByLabel('Vendor', { exact: true }).selectOption({ label: 'Custom' })
    await dialog.getByLabel('Key of the vendor').fill('sk-vendor-key-9876543210')
    await dialog.getByLabel('Base URL').fill(vendor.url)
    await dialog.getByRole('button', { name: 'Test & save' }).click()
    await page.getByRole('status').getByText('Works:').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('main tbody tr').nth(1).waitFor()
    await go(page, 'Groups')
    await page.getByRole('button', { name: 'New group' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill('friends')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await row(page, /friends/).waitFor()
  }),
]
