import { assert, flow, PASSWORD } from '../harness.mjs'

/** From the first start to Home. */
async function begin(page) {
  await page.getByLabel('User name or e-mail address').fill('root')
  await page.getByLabel('Password', { exact: true }).fill('123456')
  await page.keyboard.press('Enter')
  await page.getByLabel('New password').fill(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
}

export const flows = [
  flow('the first start asks for a password', { clicks: 2, first: true }, async ({ page }) => {
    await begin(page)
    await page.getByText('No channel yet').waitFor()
    assert.equal(new URL(page.url()).pathname, '/')
  }),
  flow('from an empty server to the first answer', { clicks: 8, first: true }, async ({ page, vendor }) => {
    await begin(page)
    await page.getByRole('link', { name: 'Add a channel' }).click()
    await page.getByLabel('Vendor', { exact: true }).selectOption({ label: 'Custom' })
    await page.getByLabel('Key of the vendor').fill('sk-vendor-key-0123456789')
    await page.getByLabel('Base URL').fill(vendor.url)
    await page.getByRole('button', { name: 'Test & save' }).click()
    await page.getByRole('status').getByText('answered').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Keys', exact: true }).click()
    await page.getByRole('button', { name: 'New key' }).click()
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('the key works').waitFor()
  }),
]
