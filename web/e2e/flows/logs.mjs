import { assert, axe, chat, flow } from '../harness.mjs'

async function call(server) {
  const { key } = (await server.call('POST', '/api/token', { name: 'laptop', unlimited_quota: true })).data
  const answer = await chat(server, key)
  assert.equal(answer.status, 200)
  return answer.headers.get('x-request-id')
}

export const flows = [
  flow(
    'a request is explained by its id, with the arithmetic of its bill',
    { clicks: 2 },
    async ({ page, server }) => {
      const id = await call(server)
      await page.keyboard.press('Control+k')
      await page.keyboard.type(id)
      await page.getByRole('option', { name: 'Explain this request' }).click()
      const told = page.getByRole('dialog')
      await told.getByText('$0.00006').first().waitFor()
      for (const part of ['12', '3', '$2.50', '$10.00']) await told.getByText(part).first().waitFor()
      assert.deepEqual(await axe(page), [])
    },
  ),
  flow(
    'new calls appear by themselves, and what is filtered stands in the address',
    {},
    async ({ page, server }) => {
      await page.getByRole('link', { name: 'Logs' }).click()
      await page.getByRole('heading', { level: 1, name: 'Logs' }).waitFor()
      await call(server)
      await page.getByRole('row', { name: /laptop/ }).waitFor()
      await page.getByLabel('Model').fill('no-such-model')
      await page.getByRole('row', { name: /laptop/ }).waitFor({ state: 'detached' })
      assert.match(page.url(), /no-such-model/)
      await page.reload()
      assert.equal(await page.getByLabel('Model').inputValue(), 'no-such-model')
    },
  ),
]
