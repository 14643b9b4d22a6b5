// QR codes (ISO 18004) of short texts: bytes, error correction M, versions 1 to 10, which is 213 bytes at most.
const ECC = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26]
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5]
const CODEWORDS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346]

function multiply(x: number, y: number): number {
  let z = 0
  for (let bit = 7; bit >= 0; bit--) {
    z = (z << 1) ^ ((z >>> 7) * 0x11d)
    z ^= ((y >>> bit) & 1) * x
  }
  return z
}

function divisor(degree: number): number[] {
  const result = [...Array<number>(degree - 1).fill(0), 1]
  let root = 1
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) result[j] = multiply(result[j] ?? 0, root) ^ (result[j + 1] ?? 0)
    root = multiply(root, 2)
  }
  return result
}

function remainder(data: number[], by: number[]): number[] {
  const result = by.map(() => 0)
  for (const byte of data) {
    const factor = byte ^ (result.shift() ?? 0)
    result.push(0)
    by.forEach((one, at) => {
      result[at] = (result[at] ?? 0) ^ multiply(one, factor)
    })
  }
  return result
}

/** The text's bytes with their frame, filled up to what the version holds. */
function framed(bytes: number[], version: number, room: number): number[] {
  const bits: number[] = []
  const put = (value: number, count: number) => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1)
  }
  put(4, 4)
  put(bytes.length, version < 10 ? 8 : 16)
  for (const byte of bytes) put(byte, 8)
  put(0, Math.min(4, room * 8 - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  for (let pad = 0xec; bits.length < room * 8; pad ^= 0xec ^ 0x11) put(pad, 8)
  return Array.from({ length: room }, (_, at) =>
    bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0),
  )
}

/** Blocks with their error correction, interleaved. */
function protectedBy(data: number[], total: number, blocks: number, ecc: number): number[] {
  const shorts = blocks - (total % blocks)
  const size = Math.floor(total / blocks) - ecc
  const by = divisor(ecc)
  let from = 0
  const parts = Array.from({ length: blocks }, (_, at) => {
    const part = data.slice(from, from + size + (at < shorts ? 0 : 1))
    from += part.length
    return { part, check: remainder(part, by) }
  })
  const result: number[] = []
  for (let at = 0; at <= size; at++)
    for (const { part } of parts) if (at < part.length) result.push(part[at] ?? 0)
  for (let at = 0; at < ecc; at++) for (const { check } of parts) result.push(check[at] ?? 0)
  return result
}

function aligned(version: number, size: number): number[] {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2
  const rest = Array.from({ length: count - 1 }, (_, at) => size - 7 - at * step)
  return [6, ...rest.reverse()]
}

/** Rows of dark (true) and light squares; null where the text is too long. */
export function qr(text: string): boolean[][] | null {
  const bytes = [...new TextEncoder().encode(text)]
  const at = CODEWORDS.findIndex((total, index) => {
    const head = index + 1 < 10 ? 2 : 3
    return bytes.length + head <= total - (ECC[index] ?? 0) * (BLOCKS[index] ?? 0)
  })
  if (at < 0) return null
  const [version, total, blocks, ecc] = [at + 1, CODEWORDS[at] ?? 0, BLOCKS[at] ?? 0, ECC[at] ?? 0]
  const size = version * 4 + 17
  const dark = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  const fixed = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  const set = (x: number, y: number, on: boolean) => {
    const [row, kept] = [dark[y], fixed[y]]
    if (!row || !kept || x < 0 || x >= size) return
    row[x] = on
    kept[x] = true
  }
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0)
    set(i, 6, i % 2 === 0)
  }
  const finder = [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ]
  for (const [cx = 0, cy = 0] of finder)
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const far = Math.max(Math.abs(dx), Math.abs(dy))
        set(cx + dx, cy + dy, far !== 2 && far !== 4)
      }
  const places = aligned(version, size)
  const last = places.length - 1
  places.forEach((cx, i) => {
    places.forEach((cy, j) => {
      if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -2; dx <= 2; dx++) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1)
    })
  })
  format(set, size)
  if (version >= 7) versioned(set, size, version)
  const words = protectedBy(framed(bytes, version, total - ecc * blocks), total, blocks, ecc)
  let bit = 0
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5
    for (let down = 0; down < size; down++)
      for (const x of [right, right - 1]) {
        const y = ((right + 1) & 2) === 0 ? size - 1 - down : down
        const row = dark[y]
        if (!row || fixed[y]?.[x]) continue
        const on = (((words[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1) === 1
        // The first mask: a chequerboard.
        row[x] = on !== ((x + y) % 2 === 0)
        bit += 1
      }
  }
  return dark
}

type Set = (x: number, y: number, on: boolean) => void

/** Error correction M and the first mask, twice. */
function format(set: Set, size: number) {
  // Both are 0 in the standard, so that their check is too: what is left is the standard's mask.
  const bits = 0x5412
  const on = (i: number) => ((bits >>> i) & 1) === 1
  for (let i = 0; i <= 5; i++) set(8, i, on(i))
  set(8, 7, on(6))
  set(8, 8, on(7))
  set(7, 8, on(8))
  for (let i = 9; i < 15; i++) set(14 - i, 8, on(i))
  for (let i = 0; i < 8; i++) set(size - 1 - i, 8, on(i))
  for (let i = 8; i < 15; i++) set(8, size - 15 + i, on(i))
  set(8, size - 8, true)
}

function versioned(set: Set, size: number, version: number) {
  let rest = version
  for (let i = 0; i < 12; i++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25)
  const bits = (version << 12) | rest
  for (let i = 0; i < 18; i++) {
    const on = ((bits >>> i) & 1) === 1
    const [a, b] = [size - 11 + (i % 3), Math.floor(i / 3)]
    set(a, b, on)
    set(b, a, on)
  }
}
