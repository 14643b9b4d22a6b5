// What a vendor's key looks like, and which model is cheap to try a channel with.

/** Types that have no address of their own: theirs has to be given. */
export const COMPATIBLE = 50

/** How keys begin, the longest first; the numbers are those of `/api/channel/types`. */
const PREFIXES: [string, number][] = [
  ['sk-ant-', 14],
  ['sk-or-', 20],
  ['AIza', 24],
  ['gsk_', 29],
  ['xai-', 45],
  ['pplx-', 58],
  ['csk-', 59],
  ['hf_', 57],
  ['r8_', 46],
  ['sk-', 1],
]

/** The type that a key is most likely of; null when its beginning says nothing. */
export function typeOfKey(key: string): number | null {
  const start = key.trim()
  return PREFIXES.find(([prefix]) => start.startsWith(prefix))?.[1] ?? null
}

const NO_CHAT =
  /embed|tts|whisper|dall-e|image|audio|moderation|rerank|realtime|transcri|speech|sora|veo|imagen|babbage|davinci|instruct|guard|ocr|search/i
const CHEAP = /mini|nano|haiku|flash|lite|small|8b|instant|turbo/i

/** A model that chats, and a cheap one where there is one. */
export function modelToTry(models: string[]): string | undefined {
  const chats = models.filter((model) => !NO_CHAT.test(model))
  return chats.find((model) => CHEAP.test(model)) ?? chats[0] ?? models[0]
}

/** Names that are written one to a line, or with commas. */
export const names = (text: string) => [
  ...new Set(
    text
      .split(/[\n,]/)
      .map((name) => name.trim())
      .filter(Boolean),
  ),
]
