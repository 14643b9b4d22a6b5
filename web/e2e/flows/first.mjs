import { assert, axe, flow, MODEL, PASSWORD } from '../harness.mjs'

/** From the first start to the setup. */
async function begin(page) {
  await page.getByLabel('User name or e-mail address').fill('root')
  await page.getByLabel('Password', { exact: true }).fill('123456')
  await page.keyboard.press('Enter')
  await page.getByLabel('New password').fill(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Set up MAGIC' }).waitFor()
}

/** The step with this name, as it stands on the page. */
const step = (page, name) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { level: 2, name, exact: true }) })

async function addChannel(page, url, key) {
  await page.getByLabel('Vendor', { exact: true }).selectOption({ label: 'Custom' })
  await page.getByLabel('Key of the vendor').fill(key)
  await page.getByLabel('Base URL').fill(url)
  await page.getByRole('button', { name: 'Test & save' }).click()
}

export const flows = [
  flow('the first start asks for a password', { clicks: 2, first: true }, async ({ page }) => {
    await begin(page)
    assert.equal(new URL(page.url()).pathname, '/welcome')
    await step(page, 'Your account').getByText('done').waitFor()
    assert.deepEqual(await axe(page), [])
    await page.goto(new URL('/', page.url()).href)
    await page.getByText('No channel yet').waitFor()
    await page.getByRole('link', { name: 'Go on with the setup' }).waitFor()
  }),
  flow(
    'from an empty server to the first answer',
    { clicks: 8, first: true, page: { path: '/' } },
    async ({ page, vendor }) => {
      await page.getByRole('banner').getByRole('link', { name: 'Sign in' }).click()
      await begin(page)
      await page.getByRole('button', { name: 'Save and go on' }).click()
      await addChannel(page, vendor.url, 'sk-vendor-key-0123456789')
      await step(page, 'First channel').getByText(`Works: ${MODEL} answered`).waitFor()
      await page.getByRole('button', { name: 'Create' }).click()
      await page.getByText('Waiting for the first request').waitFor()
      assert.deepEqual(await axe(page), [])
      await page.getByRole('button', { name: 'Try it' }).click()
      await page.getByText(`Received ✓ ${MODEL} answered`).waitFor()
      await page.getByText('5 of 5 steps are done').waitFor()
      assert.deepEqual(await axe(page), [])
    },
  ),
  flow('every step of the setup can be skipped', { first: true }, async ({ page }) => {
    await begin(page)
    for (const name of ['Address of this site', 'First channel', 'First key'])
      await step(page, name).getByRole('button', { name: 'Skip' }).click()
    await page.getByText('Waiting for the first request').waitFor()
    await page.getByRole('button', { name: 'Open this step: First channel' }).click()
    await page.getByLabel('Key of the vendor').waitFor()
  }),
  flow('a first channel that fails is made anew', { first: true }, async ({ page, vendor }) => {
    await begin(page)
    await page.getByRole('button', { name: 'Skip' }).click()
    await addChannel(page, vendor.url, 'bad-key')
    await page.getByText('wrong key').waitFor()
    await page.getByRole('button', { name: 'Remove it and try again' }).click()
    await addChannel(page, vendor.url, 'sk-vendor-key-0123456789')
    await page.getByText(`Works: ${MODEL} answered`).waitFor()
    await page.getByLabel('May spend, in dollars').waitFor()
  }),
]
