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
  flow('a model uses a tool and sees a picture', {}, async ({ page, vendor }) => {
    await page.getByRole('link', { name: 'Playground' }).click()
    await page.getByText('Instructions and limits').click()
    const tools = page.getByLabel('Tools')
    await tools.fill('{')
    await page.getByText('Not a JSON list').waitFor()
    const parameters = { type: 'object', properties: { city: { type: 'string' } } }
    await tools.fill(JSON.stringify([{ type: 'function', function: { name: 'weather', parameters } }]))
    // One pixel.
    const png =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    const file = { name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') }
    await page.locator('input[type=file]').setInputFiles(file)
    await page.getByRole('img', { name: 'Picture 1' }).waitFor()
    await page.getByRole('textbox', { name: 'Message' }).fill('What is the weather in Rome?')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('weather({"city":"Rome"})').waitFor()
    assert.deepEqual(await axe(page), [])
    assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled())
    await page.getByLabel('Result of weather').fill('sunny')
    await page.getByRole('button', { name: 'Give this result' }).click()
    await page.getByText('Hello there.').waitFor()
    const [first, second] = vendor.seen
      .filter(({ path }) => path.endsWith('/chat/completions'))
      .slice(-2)
      .map(({ text }) => JSON.parse(text))
    assert.equal(first.messages[0].content[1].image_url.url, `data:image/png;base64,${png}`)
    assert.deepEqual(second.messages.at(-1), { role: 'tool', tool_call_id: 'call_1', content: 'sunny' })
    assert.equal(second.messages.at(-2).tool_calls[0].function.arguments, '{"city":"Rome"}')
  }),
]
