import { assert, axe, chat, enter, flow, MODEL } from '../harness.mjs'

const VISITOR = { visitor: true, once: true, page: { path: '/' } }

const option = (server, key, value) => server.call('PUT', '/api/option', { key, value })

export const flows = [
  flow('a visitor learns what this is and how to begin', VISITOR, async ({ page, server }) => {
    await page.getByRole('heading', { level: 1, name: 'MAGIC' }).waitFor()
    await page.getByText(`${server.origin}/v1`, { exact: true }).waitFor()
    await page.getByText('1 model of 1 vendor.').waitFor()
    await page.getByRole('region', { name: 'A first call' }).getByRole('button', { name: 'Copy' }).click()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    assert.ok(
      copied.startsWith(`curl ${server.origin}/v1/chat/completions`) && copied.includes(MODEL),
      copied,
    )
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()
    await enter(page)
    assert.equal(new URL(page.url()).pathname, '/')
  }),
  flow('the page of the operator is Markdown', VISITOR, async ({ page, server }) => {
    await option(
      server,
      'HomePageContent',
      '# Models of *Example*\n\n[Docs](https://docs.example/) <b>no</b> &copy;',
    )
    await option(server, 'Notice', 'Down on **Sunday**')
    await option(server, 'Footer', 'By [Example](https://example.org) <i>Ltd</i>')
    await page.reload()
    await page.getByRole('heading', { name: 'Models of Example' }).waitFor()
    await page.getByRole('complementary', { name: 'Notice' }).getByText('Sunday', { exact: true }).waitFor()
    await page.getByText('<b>no</b> ©').waitFor()
    const docs = page.getByRole('link', { name: 'Docs' })
    assert.equal(await docs.getAttribute('rel'), 'noopener noreferrer nofollow')
    await page.getByRole('contentinfo').getByText('<i>Ltd</i>').waitFor()
    assert.deepEqual(await axe(page), [])
    await page.goto(`${server.origin}/sign-in`)
    await enter(page)
    await page.getByRole('complementary', { name: 'Notice' }).getByText('Sunday', { exact: true }).waitFor()
  }),
  flow(
    'the page of the operator is HTML, in a frame that can do nothing',
    VISITOR,
    async ({ page, server }) => {
      const html =
        '<h1>Welcome</h1><script>document.body.append("it ran")</script><a href="/models">Models</a>'
      await option(server, 'HomePageContent', html)
      await option(server, 'About', '<p>We are Example</p>')
      await page.reload()
      const frame = page.frameLocator('iframe')
      await frame.getByRole('heading', { name: 'Welcome' }).waitFor()
      assert.equal(await frame.getByText('it ran').count(), 0)
      assert.deepEqual(await axe(page), [])
      await page.getByRole('link', { name: 'About' }).click()
      await page.frameLocator('iframe').getByText('We are Example').waitFor()
    },
  ),
  flow('the page of the operator is an address', VISITOR, async ({ page, server }) => {
    await page.getByRole('heading', { level: 1, name: 'MAGIC' }).waitFor()
    // Nobody answers there: that the browser asks shows that the content policy lets it.
    const address = 'https://docs.localhost/start'
    await option(server, 'HomePageContent', address)
    const asked = page.waitForRequest(address)
    await page.reload()
    await asked
    const frame = page.locator('iframe')
    assert.equal(await frame.getAttribute('sandbox'), 'allow-scripts allow-forms allow-popups')
    assert.equal(await frame.getAttribute('referrerpolicy'), 'no-referrer')
    assert.deepEqual(await axe(page), [])
  }),
  flow('models and prices are found', VISITOR, async ({ page, server, vendor }) => {
    const channel = {
      type: 8,
      name: 'more',
      key: 'sk-a',
      models: 'cheap-model,free-model',
      base_url: vendor.url,
    }
    await server.call('POST', '/api/channel', channel)
    const price = { rates: { input: 500_000_000, output: 1_000_000_000 } }
    await server.call('PUT', '/api/price', { model: 'cheap-model', price })
    await page.reload()
    await page.getByRole('banner').getByRole('link', { name: 'Models' }).click()
    const names = () => page.getByRole('row').locator('td:first-child').allInnerTexts()
    await page.getByRole('row', { name: /cheap-model.*\$0\.5.*\$1/ }).waitFor()
    await page.getByRole('row', { name: /free-model.*no price/ }).waitFor()
    await page.getByLabel('Order').selectOption('dear')
    await page.waitForURL(/order=dear/)
    assert.deepEqual(
      (await names()).map((name) => name.split('\n')[0]),
      [MODEL, 'cheap-model', 'free-model'],
    )
    await page.getByRole('searchbox').fill('cheap')
    await page.getByRole('row', { name: /test-model/ }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Copy the name cheap-model' }).click()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'cheap-model')
    await page.reload()
    assert.equal(await page.getByRole('searchbox').inputValue(), 'cheap')
  }),
  flow('a group sees its own prices', VISITOR, async ({ page, server }) => {
    await server.call('PUT', '/api/option', { key: 'GroupRatio', value: '{"default":0.8}' })
    await page.goto(`${server.origin}/models`)
    await page.getByText('-20%, included').waitFor()
    await page.getByRole('row', { name: /\$2(?!\.).*\$8/ }).waitFor()
  }),
  flow('how the models fare is for everybody', VISITOR, async ({ page, server }) => {
    await page.getByRole('banner').getByRole('link', { name: 'Status' }).click()
    await page.getByText('Nobody called in the last 24 hours').waitFor()
    const { key } = (await server.call('POST', '/api/token', { name: 'a', unlimited_quota: true })).data
    assert.equal((await chat(server, key)).status, 200)
    for (let tries = 0; tries < 50; tries++) {
      const { models } = (await server.call('GET', '/api/uptime')).data
      if (models[0].hours.length > 0) break
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await page.reload()
    await page.getByText('All models are up.').waitFor()
    await page.getByRole('img', { name: 'Last 24 hours: 1 hour without a failure' }).waitFor()
    await page.getByRole('button', { name: 'As a table' }).click()
    await page.getByRole('cell', { name: '0%' }).waitFor()
    assert.deepEqual(await axe(page), [])
  }),
  flow('what is not public is not shown', VISITOR, async ({ page, server }) => {
    await option(server, 'CatalogueEnabled', 'false')
    await option(server, 'StatusPageEnabled', 'false')
    await page.goto(`${server.origin}/models`)
    await page.getByText('not public here').waitFor()
    await page.goto(`${server.origin}/status`)
    await page.getByText('not public here').waitFor()
    await page.goto(`${server.origin}/`)
    await page.getByText('One address and one key').waitFor()
    await page.goto(`${server.origin}/keys`)
    await page.waitForURL(/sign-in/)
    await page.goto(`${server.origin}/sign-in`)
    await enter(page)
    await page.goto(`${server.origin}/models`)
    await page.getByRole('row', { name: new RegExp(MODEL) }).waitFor()
  }),
]
