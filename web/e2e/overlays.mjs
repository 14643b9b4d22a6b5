// What lies over pages (dialogs, drawers, menus, notes, errors), in each theme, width and language: axe finds nothing.
import { axe, chat, dress, enter, MODEL, openPage, settled, visit } from './harness.mjs'
import { LANGUAGES, THEMES } from './pages.mjs'

/** Something to open details of; their addresses. */
export async function furnish(server) {
  const { data: token } = await server.call('POST', '/api/token', { name: 'one', unlimited_quota: true })
  const answer = await chat(server, token.key)
  await answer.text()
  const request = answer.headers.get('x-request-id').replaceAll('-', '')
  const { data: user } = await server.call('POST', '/api/user', { username: 'ann', password: 'a password' })
  await server.call('POST', '/api/redemption', { name: 'gift', quota: 1000, count: 1 })
  const messages = [{ role: 'system', content: 'You help with {{topic}}.' }]
  await server.call('POST', '/api/prompt', { name: 'helper', description: 'Helps', messages })
  const channel = (await server.call('GET', '/api/channel')).data[0].id
  // The log is written behind the answer.
  for (let wait = 0; wait < 200; wait++) {
    if ((await server.call('GET', '/api/log?type=2')).data.length > 0) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return [
    '/keys?new=1',
    '/channels?new=1',
    `/channels?id=${channel}`,
    '/users?new=1',
    `/users?id=${user.id}`,
    '/vouchers?new=1',
    '/prompts?new=1',
    '/prompts?prompt=helper',
    `/prices?model=${MODEL}`,
    `/logs?request=${request}`,
  ]
}

/** What a press opens: where, a name for it, and the press. Controls are found by what does not change with the language. */
const PRESSED = [
  ['/overview', 'palette', (page) => page.keyboard.press('Control+k')],
  ['/overview', 'themes', (page) => page.locator('header [aria-haspopup=menu]').first().click()],
  ['/logs', 'views', (page) => page.locator('main [aria-haspopup=menu]').first().click()],
  ['/logs', 'columns', (page) => page.locator('thead [aria-haspopup=menu]').click(), 768],
  [
    '/keys',
    'a question before',
    (page) => page.locator('main tbody tr').last().getByRole('button').last().click(),
  ],
  [
    '/channels',
    'many at once',
    async (page) => {
      await page.locator('main tbody input[type=checkbox]').first().click()
      await page
        .locator('main section')
        .filter({ has: page.locator('button') })
        .first()
        .locator('button')
        .first()
        .click()
    },
  ],
  ['/overview', 'pages', (page) => page.locator('header button').first().click(), undefined, 767],
]

/** Changes that are told of and can be undone: on a page, and within a drawer. */
const TOLD = [
  ['/keys', (page) => page.locator('main tbody tr').last().getByRole('button').first().click()],
  [/^\/channels\?id/, (page) => page.getByRole('dialog').getByRole('button').nth(4).click()],
]

/** Lists that could not be read. */
const FAILING = [
  '/keys',
  '/logs',
  '/channels',
  '/users',
  '/vouchers',
  '/prompts',
  '/usage',
  '/alerts',
  '/billing',
]

async function* looked(page, where) {
  const found = await axe(page)
  if (found.length > 0) yield `${where}: ${found.join('\n')}`
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (over > 0) yield `${where}: ${over} px wider than the screen`
}

/** Yields what is wrong at a width. */
export async function* overlaid(browser, server, width, opened, shots) {
  const { page, context, counted } = await openPage(browser, server.origin, { width })
  await enter(page)
  const shot = async (name, theme, language) =>
    shots && language === 'en' && width !== 768 && theme !== 'contrast'
      ? page.screenshot({ path: `${shots}/over-${name.replaceAll(/\W+/g, '-')}-${theme}-${width}.png` })
      : undefined
  for (const language of LANGUAGES) {
    for (const theme of THEMES) {
      const where = (what) => `${what} ${theme} ${width} ${language}`
      await dress(page, theme, language)
      for (const path of opened) {
        await visit(page, server.origin + path)
        await page.getByRole('dialog').waitFor()
        yield* looked(page, where(path))
        await shot(path.split('=')[0], theme, language)
      }
      for (const [path, name, press, least = 0, most = 9999] of PRESSED) {
        if (width < least || width > most) continue
        await visit(page, server.origin + path)
        await press(page)
        await page.locator('[role=dialog], [role=menu], [role=alertdialog]').first().waitFor()
        await settled(page)
        yield* looked(page, where(`${path}, ${name}`))
        await shot(`${path} ${name}`, theme, language)
      }
      for (const [place, press] of TOLD) {
        const path = opened.find((one) => one.match(place) && !one.includes('new')) ?? place
        await visit(page, server.origin + path)
        await press(page)
        // Its ways to undo and to close.
        await page.locator('li[data-swipe-direction] button').nth(1).waitFor()
        await settled(page)
        yield* looked(page, where(`${path}, told`))
        await shot(`${path} told`, theme, language)
      }
      // The API says no: what stands there instead is looked at as well.
      await page.route(/\/api\/(?!user\/self|status|events)/, (route) =>
        route.fulfill({
          // Not 503, which is asked again for some seconds.
          status: 409,
          headers: { 'x-request-id': '0123456789abcdef' },
          json: { success: false, code: 'conflict', message: 'not now' },
        }),
      )
      for (const path of FAILING) {
        await page.goto(server.origin + path)
        try {
          await page.getByRole('alert').first().waitFor()
        } catch {
          yield where(`${path} does not say that it was refused`)
          continue
        }
        yield* looked(page, where(`${path}, refused`))
        await shot(`${path} refused`, theme, language)
      }
      await page.unrouteAll()
    }
  }
  for (const kind of ['reports', 'errors', 'refused']) {
    if (counted[kind].length > 0) yield `${kind} at ${width}: ${[...new Set(counted[kind])].join('\n')}`
  }
  await context.close()
}
