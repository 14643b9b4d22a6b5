import { assert, axe, chat, flow, MODEL } from '../harness.mjs'

const keyOf = async (server) =>
  `sk-${(await server.call('POST', '/api/token', { name: 'caller', unlimited_quota: true })).data.key.replace(/^sk-/, '')}`

/** Rows and sums are written within seconds. */
async function calledOnce(server) {
  const answer = await chat(server, await keyOf(server))
  const id = answer.headers.get('x-request-id')
  for (let tries = 0; tries < 50; tries++) {
    if ((await server.call('GET', `/api/log?request_id=${id}`)).data.length > 0) return id
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the call is not in the log')
}

export const flows = [
  flow('spend by model this month is taken along', { clicks: 2 }, async ({ page, server }) => {
    await calledOnce(server)
    await page.getByRole('link', { name: 'Usage', exact: true }).click()
    const file = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export CSV' }).click()
    const stream = await (await file).createReadStream()
    let text = ''
    for await (const piece of stream) text += piece
    assert.ok(text.includes(`"${MODEL}"`) && text.includes('"total"'), text)
    assert.deepEqual(await axe(page), [])
  }),
  flow('a voucher is redeemed', { clicks: 2 }, async ({ page, server }) => {
    const made = await server.call('POST', '/api/redemption', { name: 'test', quota: 5_000_000, count: 1 })
    await page.getByRole('link', { name: 'Billing', exact: true }).click()
    await page.getByLabel('Code of the voucher').fill(made.data[0])
    await page.getByRole('button', { name: 'Redeem' }).click()
    await page.getByText('$10.00 were added to the balance.').waitFor()
    await page.getByRole('cell', { name: /redeemed/ }).waitFor()
    assert.deepEqual(await axe(page), [])
  }),
]
