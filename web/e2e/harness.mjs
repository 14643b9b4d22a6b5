// What the flows need: the real binary on an empty database, a vendor of our own, a browser whose clicks are counted.
//
//   import { flow } from '../harness.mjs'
//   export const flows = [flow('name', { clicks: 3 }, async ({ page, context, server, vendor, counted }) => { … })]
//
// A flow starts signed in as root at Home, with no clicks counted. `page` is Playwright's. A click is a pointer press or
// Enter or Space on a control: each arrives as a `click` event, and those are counted in every page.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export { assert }
export const PASSWORD = 'a password of the test'
export const MODEL = 'test-model'

const listening = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))

async function freePort() {
  const server = createServer()
  const port = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A vendor that speaks OpenAI's dialect; keys that begin with `bad` are refused. */
export async function startVendor() {
  const seen = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (piece) => {
      text += piece
    })
    request.on('end', () => {
      seen.push({ path: request.url, text })
      const answer = (status, body) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      if (request.headers.authorization?.startsWith('Bearer bad'))
        return answer(401, {
          error: { message: 'wrong key', type: 'invalid_request_error', code: 'invalid_api_key' },
        })
      if (request.url.endsWith('/models'))
        return answer(200, { object: 'list', data: [{ id: MODEL, object: 'model' }] })
      const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 }
      const base = { id: 'chatcmpl-1', created: 1, model: MODEL }
      const asked = JSON.parse(text || '{}')
      if (!asked.stream) {
        const message = { role: 'assistant', content: 'Hello there.' }
        const choices = [{ index: 0, message, finish_reason: 'stop' }]
        return answer(200, { ...base, object: 'chat.completion', choices, usage })
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const chunk = (choices, more) =>
        response.write(
          `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`,
        )
      // Whoever offers a tool sees it used, in two pieces.
      if (asked.tools && asked.messages.at(-1).role === 'user') {
        const { name } = asked.tools[0].function
        const piece = (call) =>
          chunk([{ index: 0, delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null }])
        piece({ id: 'call_1', type: 'function', function: { name, arguments: '{"city":' } })
        piece({ function: { arguments: '"Rome"}' } })
        chunk([{ index: 0, delta: {}, finish_reason: 'tool_calls' }])
        chunk([], { usage })
        return response.end('data: [DONE]\n\n')
      }
      for (const word of ['Hello', ' there.'])
        chunk([{ index: 0, delta: { content: word }, finish_reason: null }])
      chunk([{ index: 0, delta: {}, finish_reason: 'stop' }])
      chunk([], { usage })
      response.end('data: [DONE]\n\n')
    })
  })
  const port = await listening(server)
  return { url: `http://127.0.0.1:${port}`, seen, stop: () => server.close() }
}

/** The binary on an empty database. Without `password` it is a first start. */
export async function startServer(binary, { password = PASSWORD, env: more = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'magic-e2e-'))
  const port = await freePort()
  // More pages than a person opens in three minutes.
  const env = {
    ...process.env,
    PORT: String(port),
    GLOBAL_API_RATE_LIMIT: '0',
    ...(password ? { INITIAL_ROOT_PASSWORD: password } : {}),
    ...more,
  }
  const child = spawn(binary, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  await new Promise((resolve, reject) => {
    const hear = (piece) => {
      said += piece
      if (said.includes('MAGIC ready')) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}:\n${said}`)))
    setTimeout(() => reject(new Error(`the server is not ready:\n${said}`)), 60_000).unref()
  })
  const origin = `http://localhost:${port}`
  let cookie = ''
  const call = async (method, path, body) => {
    const answer = await fetch(origin + path, {
      method,
      headers: { cookie, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    })
    const told = await answer.json()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(told)}`)
    const set = answer.headers.getSetCookie()[0]
    if (set && path === '/api/user/login') cookie = set.split(';')[0]
    return told
  }
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners('exit')
      child.on('exit', () => {
        rmSync(folder, { recursive: true, force: true })
        resolve()
      })
      child.kill('SIGTERM')
    })
  const signIn = () => call('POST', '/api/user/login', { username: 'root', password })
  /** `call`: of the management API, as root. */
  return { origin, call, signIn, said: () => said, stop }
}

/** A channel to the vendor with a price, made through the API. */
export async function seed(server, vendor) {
  await server.signIn()
  const key = 'sk-vendor-key-0123456789'
  const channel = { type: 8, name: 'main', key, models: MODEL, group: 'default', base_url: vendor.url }
  await server.call('POST', '/api/channel', channel)
  await server.call('PUT', '/api/price', {
    model: MODEL,
    price: { rates: { input: 2_500_000_000, output: 10_000_000_000 } },
  })
}

/** A chat as a program would ask for it. */
export const chat = (server, key, more = {}) =>
  fetch(`${server.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }], ...more }),
  })

/** Debian's browser, and nothing of it that talks to the outside. */
export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

/** What each page still waits for; the stream of events never ends. */
const pending = new WeakMap()
const isStream = (request) => request.url().includes('/api/events?')

/** Waits until a page has all that it asked for, and has asked for nothing for a while. */
export async function settled(page) {
  const end = Date.now() + 30_000
  for (let quiet = 0; quiet < 5; ) {
    if (Date.now() > end)
      throw new Error(`still waiting: ${[...pending.get(page)].map((request) => request.url()).join(' ')}`)
    await page.waitForTimeout(60)
    quiet = pending.get(page).size === 0 ? quiet + 1 : 0
  }
}

/** From the next address on a page has this theme and language. */
export const dress = (page, theme, language) =>
  page.evaluate(
    ([theme, language]) => {
      localStorage.setItem('magic.theme', theme)
      localStorage.setItem('magic.language', language)
    },
    [theme, language],
  )

/** Opens an address and waits until the page has all of it. */
export async function visit(page, url) {
  await page.goto(url)
  await settled(page)
}

/** Holds back requests until they are let go: to the API, or with a refusal. */
export async function hold(page, method, path) {
  let answer
  const decided = new Promise((resolve) => {
    answer = resolve
  })
  const handle = async (route) => {
    if (route.request().method() !== method) return route.fallback()
    if (await decided) return route.continue()
    return route.fulfill({
      status: 409,
      json: { success: false, code: 'of_the_test', message: 'not just now' },
    })
  }
  await page.route(path, handle)
  return {
    pass: () => answer(true),
    refuse: () => answer(false),
    forget: () => page.unroute(path, handle),
  }
}

/** A page whose clicks, reports of the content policy, errors and refused calls are counted. */
export async function openPage(
  browser,
  origin,
  { width = 1440, height = 900, path = '/sign-in', ...more } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height },
    permissions: ['clipboard-read', 'clipboard-write'],
    reducedMotion: 'reduce',
    locale: 'en-US',
    ...more,
  })
  const counted = { clicks: 0, reports: [], errors: [], refused: [] }
  await context.exposeFunction('countClick', () => {
    counted.clicks += 1
  })
  await context.exposeFunction('reportPolicy', (text) => counted.reports.push(text))
  await context.addInitScript(() => {
    addEventListener('click', (event) => event.isTrusted && window.countClick(), true)
    addEventListener('securitypolicyviolation', (event) =>
      window.reportPolicy(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    )
  })
  const page = await context.newPage()
  pending.set(page, new Set())
  page.on('request', (request) => !isStream(request) && pending.get(page).add(request))
  for (const over of ['requestfinished', 'requestfailed'])
    page.on(over, (request) => pending.get(page).delete(request))
  // A loaded machine hashes passwords slowly.
  page.setDefaultTimeout(30_000)
  page.on('pageerror', (error) => counted.errors.push(String(error)))
  page.on('response', (response) => {
    if (response.status() === 403) counted.refused.push(response.url())
  })
  await page.goto(origin + path)
  return { page, context, counted }
}

/**
 * From here on this page's presses are made with the keyboard: the control must be one that Tab reaches, and do on Enter
 * (a check box on Space) what it does when it is pressed.
 */
export function byKeyboard(page) {
  const kind = Object.getPrototypeOf(page.locator('body'))
  const press = kind.click
  kind.click = async function () {
    await this.waitFor()
    await (await this.elementHandle()).waitForElementState('enabled')
    const role = await this.evaluate((element) => element.getAttribute('role') ?? element.type ?? '')
    // The list below the palette is chosen from while its field keeps the focus.
    if (role === 'option') return page.keyboard.press('Enter')
    await this.focus()
    const reached = await this.evaluate(
      (element) => element === document.activeElement && element.tabIndex >= 0,
    )
    if (!reached) throw new Error(`Tab does not reach ${this}`)
    await page.keyboard.press(role === 'checkbox' ? 'Space' : 'Enter')
  }
  return () => {
    kind.click = press
  }
}

/** Signs in by the form. */
export async function enter(page, username = 'root', password = PASSWORD) {
  await page.getByLabel('User name or e-mail address').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
}

/**
 * `limit.clicks`: at most so many. `limit.first`: on a server that was never started, signed out. `limit.visitor`: signed
 * out. `limit.page`: how the page is opened, and its `path`. `limit.refusals`: a 403 is no mistake here. `limit.once`: it presses nothing, so by mouse is enough.
 */
export const flow = (name, limit, steps) => ({ name, limit, steps })

const AXE = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

/** What axe finds on the page as it stands. */
export async function axe(page) {
  // Through the debugger, which the content policy does not bind.
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ['violations'] })
    return found.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`,
    )
  })
}

export function binaryFrom(argument) {
  if (!argument || !existsSync(argument)) throw new Error('usage: node e2e/run.mjs PATH-OF-MAGIC [NAME…]')
  return argument
}
