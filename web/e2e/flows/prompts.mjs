import { assert, axe, chat, flow } from '../harness.mjs'

export const flows = [
  flow(
    'a prompt is written, changed, shared out between versions, and called',
    {},
    async ({ page, server, vendor }) => {
      await page.getByRole('link', { name: 'Prompts' }).click()
      await page.getByRole('button', { name: 'New prompt' }).click()
      await page.getByLabel('Name', { exact: true }).fill('greeting')
      await page.getByLabel('Text', { exact: true }).fill('Greet {{name}} kindly.')
      await page
        .getByLabel('Variables', { exact: true })
        .fill('{"type": "object", "properties": {"name": {"type": "string"}}}')
      await page.getByRole('button', { name: 'Create' }).click()
      await page.getByText('+ Greet {{name}} kindly.').waitFor()
      assert.deepEqual(await axe(page), [])

      await page.getByRole('button', { name: 'New version' }).click()
      await page.getByLabel('Text', { exact: true }).fill('Greet {{name}} in French.')
      await page.getByText('Try it without calling anybody').click()
      await page.getByLabel('Values of its variables, as JSON').fill('{"name": "Ada"}')
      await page.getByRole('button', { name: 'Show what it would say' }).click()
      await page.getByText('Greet Ada in French.').waitFor()
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('- Greet {{name}} kindly.').waitFor()
      await page.getByLabel('Label', { exact: true }).fill('production')
      await page.getByLabel('Version, or shares of calls').fill('1: 90, 2: 10')
      await page.getByRole('button', { name: 'Set label' }).click()
      await page.getByText('production means version 1: 90 %, 2: 10 % now').first().waitFor()
      await page.getByText('Version 1: 90 %, 2: 10 %', { exact: true }).waitFor()
      const kept = (await server.call('GET', '/api/prompt/greeting')).data
      assert.equal(kept.newest, 2)
      assert.deepEqual(
        kept.labels.production.map(({ version, percent }) => [version, percent]),
        [
          [1, 90],
          [2, 10],
        ],
      )
      const { key } = (await server.call('POST', '/api/token', { name: 'caller', unlimited_quota: true }))
        .data
      assert.equal(
        (await chat(server, key, { prompt: { id: 'greeting', variables: { name: 'Ada' } } })).status,
        200,
      )
      assert.ok(vendor.seen.at(-1).text.includes('Greet Ada in French.'), vendor.seen.at(-1).text)
    },
  ),
]
