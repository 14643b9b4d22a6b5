// One streamed chat as a program would ask for it, with what it took.
export interface Turn {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export interface Spent {
  requestId: string
  /** To the first word, and in all, in milliseconds. */
  first: number
  whole: number
  promptTokens: number
  completionTokens: number
}

export interface Settings {
  system: string
  temperature: string
  maxTokens: string
}

interface Chunk {
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null } }[]
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null
  error?: { message?: string }
}

/** What is asked for, also shown as code. */
export function request(model: string, settings: Settings, turns: Turn[]) {
  const system: Turn[] = settings.system.trim() ? [{ role: 'system', content: settings.system }] : []
  return {
    model,
    messages: [...system, ...turns],
    stream: true,
    stream_options: { include_usage: true },
    ...(settings.temperature.trim() ? { temperature: Number(settings.temperature) } : {}),
    ...(settings.maxTokens.trim() ? { max_tokens: Number(settings.maxTokens) } : {}),
  }
}

/** The `data:` of a stream of events, one by one. */
async function* events(body: ReadableStream<Uint8Array>) {
  const reader = body
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    rest += value
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('data:')) yield line.slice(5).trim()
    }
  }
}

/** Asks, and tells the text as it comes. */
export async function talk(
  key: string,
  asked: ReturnType<typeof request>,
  told: (text: string) => void,
  signal: AbortSignal,
): Promise<Spent> {
  const begun = performance.now()
  const answer = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(asked),
    signal,
  })
  const requestId = answer.headers.get('x-request-id') ?? ''
  if (!answer.ok || !answer.body) {
    const refused = (await answer.json().catch(() => ({}))) as Chunk
    throw new Error(refused.error?.message ?? answer.statusText)
  }
  const spent: Spent = { requestId, first: 0, whole: 0, promptTokens: 0, completionTokens: 0 }
  for await (const event of events(answer.body)) {
    if (event === '[DONE]') break
    const chunk = JSON.parse(event) as Chunk
    if (chunk.error) throw new Error(chunk.error.message ?? '')
    const delta = chunk.choices?.[0]?.delta
    const text = delta?.content ?? delta?.reasoning_content
    if (text) {
      if (!spent.first) spent.first = performance.now() - begun
      told(text)
    }
    if (chunk.usage) {
      spent.promptTokens = chunk.usage.prompt_tokens ?? 0
      spent.completionTokens = chunk.usage.completion_tokens ?? 0
    }
  }
  return { ...spent, whole: performance.now() - begun }
}
