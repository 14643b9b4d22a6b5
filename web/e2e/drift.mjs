// The client's types are those of the binary: openapi.json is what it serves, schema.d.ts is made of openapi.json.
import { readFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}

/** The document as it is kept. */
export const kept = (document) => `${JSON.stringify(sorted(document), null, 1)}\n`

/** What has to be made anew; nothing: null. */
export async function drift(origin) {
  const here = new URL('..', import.meta.url)
  const served = kept(await (await fetch(`${origin}/api/openapi.json`)).json())
  if (readFileSync(new URL('openapi.json', here), 'utf8') !== served)
    return 'web/openapi.json is not what the binary serves: node e2e/types.mjs PATH-OF-MAGIC'
  const types = astToString(await openapiTS(new URL('openapi.json', here)))
  if (!readFileSync(new URL('src/api/schema.d.ts', here), 'utf8').endsWith(types))
    return 'src/api/schema.d.ts is not made of openapi.json: npm run types'
  return null
}
