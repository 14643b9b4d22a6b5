import { assert, axe, flow, MODEL } from '../harness.mjs'

export const flows = [
  flow('a channel is added and known to work', { clicks: 3 }, async ({ page, server, vendor }) => {
    await page.getByRole('link', { name: 'Channels' }).click()
    await page.getByRole('button', { name: 'Add a channel' }).click()
    await page.getByRole('dialog').getByLabel('Vendor', { exact: true }).selectOption({ label: 'Custom' })
    await page.getByLabel('Key of the vendor').fill('sk-vendor-key-9876543210')
    await page.getByLabel('Base URL').fill(vendor.url)
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Test & save' }).click()
    await page.getByRole('status').getByText(`Works: ${MODEL} answered`).waitFor()
    const all = (await server.call('GET', '/api/channel')).data
    assert.deepEqual([all.length, all[0].models], [2, MODEL], 'its models were asked for')
    assert.deepEqual(await axe(page), [])
  }),
  flow('a channel with a wrong key says so', {}, async ({ page, vendor }) => {
    await page.getByRole('link', { name: 'Channels' }).click()
    await page.getByRole('button', { name: 'Add a channel' }).click()
    await page.getByRole('dialog').getByLabel('Vendor', { exact: true }).selectOption({ label: 'Custom' })
    await page.getByLabel('Key of the vendor').fill('bad-key')
    await page.getByLabel('Base URL').fill(vendor.url)
    await page.getByRole('button', { name: 'Test & save' }).click()
    await page.getByText('wrong key').waitFor()
  }),
  flow('fifty channels are changed at once', { clicks: 4 }, async ({ page, server, vendor }) => {
    for (let number = 0; number < 50; number++) {
      const channel = { type: 8, name: `many ${number}`, key: 'sk-a', models: 'other', base_url: vendor.url }
      await server.call('POST', '/api/channel', channel)
    }
    await page.getByRole('link', { name: 'Channels' }).click()
    await page.getByRole('searchbox').fill('many')
    await page.waitForURL(/q=many/)
    await page.getByRole('row', { name: /main/ }).waitFor({ state: 'detached' })
    await page.getByLabel('Choose all rows').click()
    await page.getByRole('button', { name: 'Pause', exact: true }).first().click()
    await page.getByRole('button', { name: /^Do it for/ }).click()
    await page
      .getByText(/\d+ channels changed/)
      .first()
      .waitFor()
    const all = (await server.call('GET', '/api/channel?page_size=100')).data
    assert.equal(all.filter((channel) => channel.status === 2).length, 50)
  }),
]
