import { assert, axe, chat, flow } from '../harness.mjs'

export const flows = [
  flow('a key is made and a working snippet copied', { clicks: 3 }, async ({ page, server }) => {
    await page.getByRole('link', { name: 'Make a key' }).click()
    await page.getByRole('button', { name: 'Create' }).click()
    const key = await page.getByTestId('key').textContent()
    assert.match(key, /^sk-\w{20,}$/)
    await page.getByRole('button', { name: 'Copy', exact: true }).last().click()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    assert.ok(copied.includes(key) && copied.includes(`${server.origin}/v1/chat/completions`), copied)
    assert.equal((await chat(server, key)).status, 200)
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))
    assert.ok(!kept.includes(key), 'the key is in no storage')
    assert.deepEqual(await axe(page), [])
  }),
  flow('a key is tried where it was made', {}, async ({ page }) => {
    await page.getByRole('link', { name: 'Make a key' }).click()
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('the key works').waitFor()
  }),
  flow('a leaked key is rotated', { clicks: 2 }, async ({ page, server }) => {
    const made = await server.call('POST', '/api/token', { name: 'leaked', unlimited_quota: true })
    assert.equal((await chat(server, made.data.key)).status, 200)
    await page.keyboard.press('g')
    await page.keyboard.press('k')
    await page
      .getByRole('row', { name: /leaked/ })
      .getByRole('button', { name: 'Rotate' })
      .click()
    await page.getByRole('button', { name: 'Old key stops now' }).click()
    const key = await page.getByTestId('key').textContent()
    assert.notEqual(key, made.data.key)
    assert.equal((await chat(server, key)).status, 200)
    assert.equal((await chat(server, made.data.key)).status, 401)
  }),
]
