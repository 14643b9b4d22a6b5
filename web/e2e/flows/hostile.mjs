import { assert, chat, flow } from '../harness.mjs'
import { PAGES } from '../pages.mjs'

const PAYLOADS = [
  '<script>window.hostile=1</script>',
  '"><img src=x onerror="window.hostile=1">',
  "'-window.hostile=1-'",
  '<svg onload=window.hostile=1>',
  'javascript:window.hostile=1',
  '{{constructor.constructor("window.hostile=1")()}}',
  '<iframe srcdoc="<script>parent.hostile=1</script>">',
]

export const flows = [
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
          await page.goto(server.origin + path, { waitUntil: 'networkidle' })
          await page.locator('h1').first().waitFor()
          assert.equal(await page.evaluate(() => window.hostile), undefined, path)
          const links = await page.$$eval('a[href]', (all) => all.map((link) => link.protocol))
          assert.ok(!links.includes('javascript:'), path)
        }
      }
      for (const path of ['/prompts?prompt=prompt0', '/sign-in']) {
        await page.goto(server.origin + path, { waitUntil: 'networkidle' })
        assert.equal(await page.evaluate(() => window.hostile), undefined, path)
      }
    },
  ),
]
