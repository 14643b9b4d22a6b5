import { assert, axe, flow, MODEL } from '../harness.mjs'

export const flows = [
  flow(
    'two models are asked side by side, and what they cost is told',
    { clicks: 3 },
    async ({ page, server }) => {
      await page.getByRole('link', { name: 'Playground' }).click()
      await page.getByRole('button', { name: 'Compare with another' }).click()
      await page.getByLabel('Message').fill('Hello')
      await page.keyboard.press('Enter')
      const sides = page.getByRole('region', { name: MODEL })
      for (const side of [sides.first(), sides.last()]) {
        await side.getByText('Hello there.').waitFor()
        await side.getByText('$0.00006').waitFor()
      }
      assert.deepEqual(await axe(page), [])
      const tokens = (await server.call('GET', '/api/token/search?keyword=playground')).data
      assert.equal(tokens.length, 1)
      const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))
      assert.ok(!kept.includes('sk-'), 'no key is kept')
      await page.reload()
      await page.getByLabel('Message').waitFor()
      assert.equal((await server.call('GET', '/api/token/search?keyword=playground')).data.length, 1)
    },
  ),
]
