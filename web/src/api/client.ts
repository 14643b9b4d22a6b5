// The management API, typed by its own document (openapi.json, from the handlers).
import createClient from 'openapi-fetch'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

export const api = createClient<paths>({ baseUrl: '' })

/** What the API says when it refuses, with the id that its log has of the request. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
    readonly retryAfter: number,
    /** What the API tells beside the refusal: which second factors there are, for one. */
    readonly data: unknown = undefined,
  ) {
    super(message)
  }
}

interface Envelope {
  success: boolean
  message: string
  data?: unknown
}

type Answered<B> = Promise<{ data?: B; error?: unknown; response: Response }>

/** The whole body of an answer; throws what the API refused, and `offline` where there was none. */
export async function whole<B>(asked: Answered<B>): Promise<B> {
  let told: Awaited<Answered<B>>
  try {
    told = await asked
  } catch {
    throw new ApiError(0, 'offline', '', '', 0)
  }
  const { data, error, response } = told
  if (response.ok && data !== undefined) return data
  const refused = (error ?? {}) as { code?: string; message?: string; data?: unknown }
  throw new ApiError(
    response.status,
    refused.code ?? 'unknown',
    refused.message ?? response.statusText,
    response.headers.get('x-request-id') ?? '',
    Number(response.headers.get('retry-after') ?? 0),
    refused.data,
  )
}

/** The `data` of an answer. */
export async function data<B extends Envelope>(asked: Answered<B>): Promise<B['data']> {
  return (await whole(asked)).data
}
