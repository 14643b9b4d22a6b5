// Forms that stay open while others change the same thing.
import { assert, flow, hold, MODEL } from '../harness.mjs'

const value = (field) => field.inputValue()

/** Waits until a field shows what others have made of it. */
const follows = (page, label, wanted) =>
  page.waitForFunction(
    ([label, wanted]) => {
      const found = [...document.querySelectorAll('label')].find((one) => one.textContent === label)
      return found?.control?.value === wanted
    },
    [label, wanted],
  )

export const flows = [
  flow('saving a field of a channel puts back nothing of others', {}, async ({ page, server }) => {
    const { id, priority } = (await server.call('GET', '/api/channel')).data[0]
    const now = async () => (await server.call('GET', `/api/channel/${id}`)).data
    await page.goto(`${server.origin}/channels?id=${id}`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Weight').fill('9')
    await server.call('PUT', '/api/channel', { id, priority: priority + 5, models: [MODEL, 'another'] })
    // Whatever makes the page look again.
    await dialog.getByRole('button', { name: 'Pause', exact: true }).first().click()
    await follows(page, 'Priority', String(priority + 5))
    assert.equal(await value(dialog.getByLabel('Weight')), '9', 'what was typed is still there')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    const saved = await now()
    assert.deepEqual([saved.weight, saved.priority, saved.models], [9, priority + 5, `${MODEL},another`])
  }),
  flow('saving a field of an account puts back nothing of others', {}, async ({ page, server }) => {
    await server.call('PUT', '/api/group/friends', { ratio: 0.8 })
    const { data: ann } = await server.call('POST', '/api/user', { username: 'ann', password: 'a password' })
    await page.goto(`${server.origin}/users?id=${ann.id}`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Shown name').fill('Ann B.')
    await server.call('PUT', '/api/user', { id: ann.id, group: 'friends', limits: { rpm: 7 } })
    await dialog.getByRole('button', { name: 'Ban', exact: true }).click()
    await page.getByRole('button', { name: 'Ban', exact: true }).last().click()
    await follows(page, 'Requests per minute', '7')
    assert.equal(await value(dialog.getByLabel('Shown name')), 'Ann B.')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    const { data } = await server.call('GET', `/api/user/${ann.id}`)
    assert.deepEqual([data.display_name, data.group, data.limits.rpm], ['Ann B.', 'friends', 7])
  }),
  flow('what was typed in a drawer stays when it is refused', {}, async ({ page, server }) => {
    await server.call('PUT', '/api/group/friends', { ratio: 0.8 })
    const dialog = page.getByRole('dialog')
    const cases = [
      [`/prices?model=${MODEL}`, '**/api/price', 'Input', '7', '$7'],
      ['/groups?name=friends', '**/api/group/*', 'Percent beside the price', '35', '+35%'],
    ]
    for (const [at, api, label, typed, shown] of cases) {
      await page.goto(server.origin + at)
      await dialog.getByLabel(label, { exact: true }).fill(typed)
      const held = await hold(page, 'PUT', api)
      await dialog.getByRole('button', { name: 'Save' }).click()
      // The list has it already.
      await page.getByText(shown, { exact: true }).first().waitFor({ state: 'attached' })
      held.refuse()
      await page.getByText('not just now').first().waitFor()
      assert.equal(await dialog.getByLabel(label, { exact: true }).inputValue(), typed)
    }
  }),
]
