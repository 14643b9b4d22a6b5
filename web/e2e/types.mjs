// Takes the API's document from a binary and makes the client's types of it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { kept } from './drift.mjs'
import { binaryFrom, startServer } from './harness.mjs'

const server = await startServer(binaryFrom(process.argv[2]))
const document = await (await fetch(`${server.origin}/api/openapi.json`)).json()
await server.stop()
writeFileSync(new URL('../openapi.json', import.meta.url), kept(document))
execFileSync('npm', ['run', '--silent', 'types'], { cwd: new URL('..', import.meta.url), stdio: 'inherit' })
