// What root alone looks after: the books, backups, another installation that moves in, the nodes.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, flow } from '../harness.mjs'

const shot = (page, name) =>
  process.env.MAGIC_E2E_SHOTS
    ? page.screenshot({ path: `${process.env.MAGIC_E2E_SHOTS}/${name}.png`, fullPage: true })
    : null
const go = (page, name) => page.getByRole('link', { name, exact: true }).first().click()

/** A small one-api database, as its SQLite file. */
const OLD = `
CREATE TABLE users (id integer PRIMARY KEY, username text, password text NOT NULL, display_name text, role int, status int,
  email text, access_token text, quota bigint, used_quota bigint, request_count int, "group" text, aff_code text, inviter_id int);
CREATE TABLE tokens (id integer PRIMARY KEY, user_id int, "key" text, status int, name text, created_time int, accessed_time int,
  expired_time int, remain_quota bigint, unlimited_quota numeric, used_quota bigint, models text, subnet text);
CREATE TABLE channels (id integer PRIMARY KEY, type int, "key" text, status int, name text, weight int, created_time int,
  base_url text, models text, "group" text, used_quota bigint, model_mapping text, priority int, config text);
CREATE TABLE redemptions (id integer PRIMARY KEY, user_id int, "key" text, status int, name text, quota bigint, created_time int, redeemed_time int);
CREATE TABLE options ("key" text PRIMARY KEY, value text);
CREATE TABLE logs (id integer PRIMARY KEY, user_id int, created_at int, type int, content text, username text, token_name text,
  model_name text, quota bigint, prompt_tokens int, completion_tokens int, channel_id int);
INSERT INTO users VALUES (7, 'alice', '', 'Alice', 1, 1, 'alice@example.com', '', 1000000, 250, 3, 'default', 'aB3x', 0);
INSERT INTO tokens VALUES (3, 7, 'AliceKey0000000000000000000000000000000000000001', 1, 'laptop', 1700000000, 0, -1, 500000, 0, 10, '', ''),
  (5, 99, 'OrphanKey000000000000000000000000000000000000001', 1, 'orphan', 0, 0, -1, 0, 1, 0, '', '');
INSERT INTO channels VALUES (42, 1, 'sk-vendor', 1, 'moved', 5, 1700000000, '', 'gpt-4o', 'default', 77, '', 3, '');
INSERT INTO options VALUES ('SomeForkThing', '1');
INSERT INTO logs VALUES (1, 7, 1700000000, 2, 'old call', 'alice', 'laptop', 'gpt-4o', 250, 10, 5, 42);
`

/** Python has SQLite at hand, whichever version of Node.js this is. */
function oldInstallation() {
  const folder = mkdtempSync(join(tmpdir(), 'one-api-'))
  const file = join(folder, 'one-api.db')
  const program = 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.stdin.read())'
  execFileSync('python3', ['-c', program, file], { input: OLD })
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export const flows = [
  flow('the books are checked, and movements found', { clicks: 6 }, async ({ page, server }) => {
    const made = await server.call('POST', '/api/user', { username: 'alice', password: 'a password 1' })
    await server.call('POST', '/api/topup', { user_id: made.data.id, quota: 500_000, remark: 'in cash' })
    await go(page, 'Ledger and audit')
    await page.getByText('The books have not been checked yet.').waitFor()
    await page.getByRole('button', { name: 'Check the books' }).click()
    await page.getByText('The books are right: all 7 rules hold.').waitFor()
    assert.equal(await page.getByRole('listitem').filter({ hasText: 'Holds' }).count(), 7)
    await shot(page, 'ledger')
    await page
      .getByRole('button', { name: `alice #${made.data.id}` })
      .first()
      .click()
    await page.waitForURL(/user=/)
    await page.getByRole('cell', { name: 'in cash' }).waitFor()
    await page.getByLabel('What').selectOption('voucher')
    await page.getByText('No movement fits these filters.').waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.getByRole('cell', { name: 'in cash' }).waitFor()
    await page.getByRole('button', { name: 'Changes' }).click()
    await page.getByRole('button', { name: 'Check the chain' }).click()
    await page.getByText(/as they were written/).waitFor()
  }),

  flow('settings lead to the changes', { clicks: 2 }, async ({ page }) => {
    await go(page, 'Settings')
    await page.getByRole('navigation').getByRole('link', { name: 'Changes' }).click()
    await page.getByRole('button', { name: 'Check the chain' }).waitFor()
  }),

  flow('an installation of one-api moves in', { clicks: 5 }, async ({ page, server }) => {
    const old = oldInstallation()
    try {
      await go(page, 'Backup and import')
      await page.getByLabel('Database of one-api').fill(old.file)
      await page.getByRole('button', { name: 'Look' }).click()
      await page.getByText('Nothing was written.').waitFor()
      await page.getByText('SomeForkThing').waitFor()
      await shot(page, 'import-looked')
      assert.equal((await server.call('GET', '/api/user/search?keyword=alice')).data.length, 0)
      const says = 'Import 1 user, 1 key, 1 channel, and 1 row of the log'
      await page.getByRole('button', { name: says }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByText('An import can’t be undone.').waitFor()
      await dialog.getByRole('button', { name: says }).click()
      await page.getByText(/Done .*1 user, 1 key, 1 channel, and 1 row of the log imported from/).waitFor()
      await shot(page, 'import-done')
      assert.equal((await server.call('GET', '/api/user/search?keyword=alice')).data.length, 1)
      assert.equal(await page.getByRole('button', { name: /^Import/ }).count(), 0)
      // What can't be read is said, and nothing is begun.
      await page.getByLabel('Database of one-api').fill('/nowhere/one-api.db')
      await page.keyboard.press('Enter')
      await page.getByText('/nowhere/one-api.db is no file').waitFor()
    } finally {
      old.remove()
    }
  }),

  flow('the configuration and the database are taken along', { clicks: 3 }, async ({ page, server }) => {
    await go(page, 'Backup and import')
    await page.getByText('master.key').waitFor()
    const take = async (name) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name }).click(),
      ])
      const file = readFileSync(await download.path())
      return [download.suggestedFilename(), file]
    }
    const [config, text] = await take('Download the configuration')
    assert.match(config, /^magic-.*\.toml$/)
    assert.ok(text.includes('[[channels]]') && !text.includes('sk-vendor'))
    const [database, bytes] = await take('Download the database')
    assert.match(database, /^magic-.*\.db$/)
    assert.equal(bytes.subarray(0, 15).toString(), 'SQLite format 3')
    const trail = (await server.call('GET', '/api/audit?path=/api/backup')).data.map((entry) => entry.path)
    assert.deepEqual(trail, ['/api/backup/database', '/api/backup/config'])
    await shot(page, 'backup')
  }),

  flow('nodes tell that they live', { clicks: 1 }, async ({ page }) => {
    await go(page, 'Nodes')
    await page.getByText(/^One node, alive, on v/).waitFor()
    await page.getByRole('cell', { name: 'Alive' }).waitFor()
    await shot(page, 'nodes')
  }),

  flow('a node is drained and resumed', { clicks: 5 }, async ({ page, server }) => {
    // A node looks each second whether it shall rest.
    const ready = async (wanted) => {
      const end = Date.now() + 5000
      for (;;) {
        const answer = await fetch(`${server.origin}/readyz`)
        const told = `${answer.status} ${(await answer.json()).status}`
        if (told === wanted) return
        assert.ok(Date.now() < end, told)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    await go(page, 'Nodes')
    await page.getByRole('button', { name: 'Drain' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click()
    await page.getByRole('cell', { name: 'Drained' }).waitFor()
    await ready('503 draining')
    await shot(page, 'nodes-drained')
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('cell', { name: 'Alive' }).waitFor()
    await ready('200 ok')
  }),
]
