import { assert, chat, flow, visit } from '../harness.mjs'
import { PAGES, VISITORS } from '../pages.mjs'

const PAYLOADS = [
  '<script>window.hostile=1</script>',
  '"><img src=x onerror="window.hostile=1">',
  "'-window.hostile=1-'",
  '<svg onload=window.hostile=1>',
  'javascript:window.hostile=1',
  '{{constructor.constructor("window.hostile=1")()}}',
  '<iframe srcdoc="<script>parent.hostile=1</script>">',
]

/** What the texts of operators may be: Markdown with links of all kinds, or HTML in a frame. */
const OPERATORS = [
  [
    '[one](javascript:window.hostile=1) [two](&#x6A;avascript:window.hostile=1) <javascript:window.hostile=1>',
    '![img](javascript:window.hostile=1) [three](data:text/html,<script>opener.hostile=1</script>)',
    '<img src=x onerror="window.hostile=1"> &copy; `<script>window.hostile=1</script>`',
    '[four]: vbscript:window.hostile=1\n\n[four] [five](java\nscript:window.hostile=1)',
  ].join('\n\n'),
  [
    '<h2>HTML</h2><script>parent.hostile=1;top.hostile=1</script><img src=x onerror="parent.hostile=1">',
    '<a href="javascript:parent.hostile=1">press</a><svg onload="parent.hostile=1"></svg>',
    '<iframe srcdoc="<script>top.hostile=1</script>"></iframe><meta http-equiv=refresh content="0;url=/keys">',
    '<form action=/api/user/logout><button>send</button></form>',
  ].join(''),
  'javascript:window.hostile=1',
  'https://a.example"onload="window.hostile=1',
]

export const flows = [
  flow(
    'texts of the operator can do nothing to visitors',
    // The content policy of the frame is asked to stop things here: its reports are no mistake.
    { once: true, visitor: true },
    async ({ page, context, server }) => {
      const hostile = async (where) => {
        for (const one of context.pages())
          for (const frame of one.frames())
            assert.equal(await frame.evaluate(() => window.hostile), undefined, where)
        const links = await page.$$eval('a[href]', (all) => all.map((link) => link.protocol))
        assert.ok(
          links.every((scheme) => ['http:', 'https:', 'mailto:'].includes(scheme)),
          `${where}: ${links}`,
        )
      }
      for (const text of [...OPERATORS, ...PAYLOADS]) {
        for (const key of ['HomePageContent', 'About', 'Notice', 'Footer', 'SystemName'])
          await server.call('PUT', '/api/option', {
            key,
            value: key === 'SystemName' ? text.slice(0, 60) : text,
          })
        for (const path of VISITORS) {
          await visit(page, server.origin + path)
          await page.locator('h1').first().waitFor()
          assert.equal(new URL(page.url()).pathname, path)
          await hostile(`${path}: ${text}`)
        }
      }
      await server.call('PUT', '/api/option', { key: 'HomePageContent', value: OPERATORS[1] })
      await visit(page, server.origin)
      await page.frameLocator('iframe').getByText('press').click()
      await page.frameLocator('iframe').getByRole('button', { name: 'send' }).click()
      await hostile('after a press')
      assert.equal(new URL(page.url()).pathname, '/')
    },
  ),
  flow(
    'texts that others have written are text, on every page',
    { once: true },
    async ({ page, server, vendor }) => {
      const root = (await server.call('GET', '/api/user/self')).data
      for (const [at, text] of PAYLOADS.entries()) {
        const short = text.slice(0, 30)
        const { key } = (await server.call('POST', '/api/token', { name: short, unlimited_quota: true })).data
        await chat(server, key)
        const channel = {
          type: 8,
          name: text,
          key: 'sk-a',
          models: `m${at}`,
          base_url: vendor.url,
          tags: text,
        }
        await server.call('POST', '/api/channel', channel)
        await server.call('POST', '/api/user', {
          username: `user${at}`,
          password: 'a password',
          display_name: text,
        })
        await server.call('POST', '/api/topup', { user_id: root.id, quota: 1, remark: text })
        await server.call('POST', '/api/redemption', { name: short.slice(0, 20), quota: 100, count: 1 })
        const messages = [{ role: 'system', content: text.replaceAll('{{', '{ {') }]
        await server.call('POST', '/api/prompt', { name: `prompt${at}`, description: text, messages })
        await server.call('PUT', '/api/price', {
          model: text.replaceAll(',', ''),
          price: { rates: { input: 1 } },
        })
        for (const key of [
          'SystemName',
          'Footer',
          'Notice',
          'HomePageContent',
          'About',
          'TopUpLink',
          'ChatLink',
        ])
          await server.call('PUT', '/api/option', { key, value: text }).catch(() => {})
        if (at < PAYLOADS.length - 1 && at > 0) continue
        for (const path of PAGES) {
          await visit(page, server.origin + path)
          await page.locator('h1').first().waitFor()
          assert.equal(await page.evaluate(() => window.hostile), undefined, path)
          const links = await page.$$eval('a[href]', (all) => all.map((link) => link.protocol))
          assert.ok(!links.includes('javascript:'), path)
        }
      }
      for (const path of ['/prompts?prompt=prompt0', '/sign-in']) {
        await visit(page, server.origin + path)
        assert.equal(await page.evaluate(() => window.hostile), undefined, path)
      }
    },
  ),
]
