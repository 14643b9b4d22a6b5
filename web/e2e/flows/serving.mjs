import { get } from 'node:http'
import { assert, flow } from '../harness.mjs'

/** A call whose encodings are ours to say. */
const asked = (url, headers = {}, method = 'GET') =>
  new Promise((resolve, reject) => {
    get(url, { headers, method }, (answer) => {
      const pieces = []
      answer.on('data', (piece) => pieces.push(piece))
      answer.on('end', () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) }),
      )
    }).on('error', reject)
  })

export const flows = [
  flow(
    'files are served for ever, pages never, each page with a nonce of its own',
    { once: true },
    async ({ server }) => {
      const first = await asked(`${server.origin}/`)
      const second = await asked(`${server.origin}/channels?status=2`)
      const nonce = (answer) => /'nonce-([^']+)'/.exec(answer.headers['content-security-policy'])?.[1]
      for (const answer of [first, second]) {
        assert.equal(answer.status, 200)
        assert.equal(answer.headers['cache-control'], 'no-store')
        assert.ok(answer.body.toString().includes(`nonce="${nonce(answer)}"`))
        for (const word of [
          "default-src 'none'",
          "script-src 'self';",
          "frame-ancestors 'none'",
          "trusted-types 'none'",
        ])
          assert.ok(answer.headers['content-security-policy'].includes(word), word)
        assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      }
      assert.notEqual(nonce(first), nonce(second))

      const path = /src="(\/assets\/[^"]+\.js)"/.exec(first.body.toString())[1]
      const plain = await asked(server.origin + path)
      assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
      assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8')
      for (const [accepts, coding] of [
        ['gzip, br', 'br'],
        ['gzip', 'gzip'],
        ['br;q=0, gzip;q=0', undefined],
        ['identity', undefined],
      ]) {
        const answer = await asked(server.origin + path, { 'accept-encoding': accepts })
        assert.equal(answer.headers['content-encoding'], coding, accepts)
        assert.equal(answer.headers.vary, 'accept-encoding')
        assert.equal(answer.body.length < plain.body.length, coding !== undefined, accepts)
      }
      const wrong = [
        ['GET', '/assets/none.js'],
        ['GET', '/api/none'],
        ['POST', '/'],
        ['GET', '/assets/../index.html.js'],
      ]
      for (const [method, gone] of wrong)
        assert.equal((await asked(server.origin + gone, {}, method)).status, 404, gone)
    },
  ),
]
