// Each file of the build as brotli and gzip, so that nobody compresses while a page loads. Scripts and styles are not kept as
// they are: for the few who take neither form the service unpacks one.
import { readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const files = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })

for (const path of files('dist').filter((path) => /\.(js|css|svg|json)$/.test(path))) {
  const data = readFileSync(path)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length }
  writeFileSync(`${path}.br`, brotliCompressSync(data, { params }))
  writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }))
  if (/\.(js|css)$/.test(path)) unlinkSync(path)
}
