// One streamed chat as a program would ask for it, with what it took.
/** A tool that the model wants to be used. */
export interface ToolCall {
  id: string
  name: string
  /** JSON, as the model has written it. */
  arguments: string
}

export interface Turn {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  /** Pictures, as data: addresses. */
  pictures?: string[]
  /** What an assistant's turn ends in. */
  calls?: ToolCall[]
  /** Which call a tool's turn answers. */
  call?: string
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
  /** A JSON list, as the API takes it. */
  tools: string
}

interface Piece {
  index?: number
  id?: string
  function?: { name?: string; arguments?: string }
}

interface Chunk {
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; tool_calls?: Piece[] | null }
  }[]
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null
  error?: { message?: string }
}

/** The tools of the settings; null: they are no JSON list. */
export function toolsOf(text: string): unknown[] | null {
  if (!text.trim()) return []
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? list : null
  } catch {
    return null
  }
}

/** A turn in the API's words. */
function message({ role, content, pictures, calls, call }: Turn) {
  if (call) return { role, tool_call_id: call, content }
  if (calls)
    return {
      role,
      content: content || null,
      tool_calls: calls.map(({ id, name, arguments: given }) => ({
        id,
        type: 'function',
        function: { name, arguments: given },
      })),
    }
  if (!pictures?.length) return { role, content }
  const parts = pictures.map((url) => ({ type: 'image_url', image_url: { url } }))
  return { role, content: [...(content ? [{ type: 'text', text: content }] : []), ...parts] }
}

/** What is asked for, also shown as code. */
export function request(model: string, settings: Settings, turns: Turn[]) {
  const tools = toolsOf(settings.tools) ?? []
  const system: Turn[] = settings.system.trim() ? [{ role: 'system', content: settings.system }] : []
  return {
    model,
    messages: [...system, ...turns].map(message),
    ...(tools.length > 0 ? { tools } : {}),
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

/** Asks, and tells the text as it comes; at the end, which tools the model wants. */
export async function talk(
  key: string,
  asked: ReturnType<typeof request>,
  told: (text: string) => void,
  signal: AbortSignal,
): Promise<{ spent: Spent; calls: ToolCall[] }> {
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
  const calls: ToolCall[] = []
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
    for (const piece of delta?.tool_calls ?? []) {
      const at = piece.index ?? calls.length
      calls[at] ??= { id: '', name: '', arguments: '' }
      const call = calls[at]
      call.id ||= piece.id ?? ''
      call.name ||= piece.function?.name ?? ''
      call.arguments += piece.function?.arguments ?? ''
    }
    if (chunk.usage) {
      spent.promptTokens = chunk.usage.prompt_tokens ?? 0
      spent.completionTokens = chunk.usage.completion_tokens ?? 0
    }
  }
  return { spent: { ...spent, whole: performance.now() - begun }, calls: calls.filter(Boolean) }
}
