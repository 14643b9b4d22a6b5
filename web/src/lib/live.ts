// What the gateway tells of changes over one stream, and how often pages ask while there is none.
import type { QueryClient } from '@tanstack/react-query'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'

/** What has to be asked for anew after a change of a kind: the first members of query keys. */
const CONCERNED: Record<string, string[]> = {
  calls: ['logs', 'stats', 'me', 'tokens', 'movements', 'uptime'],
  health: ['channels', 'channel', 'alerts', 'uptime'],
  channel: ['channels', 'channel', 'prices', 'alerts', 'catalogue'],
  capture: ['captures'],
  group: ['groups', 'group-names', 'prices', 'catalogue'],
  option: ['options', 'site', 'prices', 'alerts', 'notice', 'about-text', 'home-text'],
  price: ['prices', 'price-history', 'alerts', 'catalogue'],
  prompt: ['prompts'],
  redemption: ['vouchers'],
  token: ['tokens'],
  topup: ['users', 'user', 'me', 'movements', 'logs'],
  user: ['users', 'user', 'me', 'sessions', 'movements'],
}

let connected = false
/** Other nodes serve calls that this one does not tell of. */
let shared = false
/** When all that is shown was as the gateway has it, or was asked for after; by the page's own clock. */
let known = 0

/** Milliseconds between two questions: those given, or seldom while changes are told. */
export const every = (ms: number) => () => (connected && !shared ? 60_000 : ms)

/** Asks anew for what the page shows of these kinds. */
function renew(queries: QueryClient, kind: string) {
  const concerned = CONCERNED[kind]
  void queries.invalidateQueries({
    // What a reader has stopped stays as it is; what is being changed here is asked for after that.
    predicate: ({ queryKey, meta }) =>
      !meta?.stopped &&
      (concerned === undefined || concerned.includes(String(queryKey[0]))) &&
      queries.isMutating({ mutationKey: ['change', queryKey[0]] }) === 0,
  })
}

/**
 * Listens while the page can be seen: a browser has few connections to a host over HTTP/1.1, and pages that nobody
 * looks at need none. Where the stream is refused, pages ask as often as they did.
 */
export function useLive() {
  const queries = useQueryClient()
  useEffect(() => {
    let source: EventSource | null = null
    let delay: ReturnType<typeof setTimeout>
    const close = () => {
      clearTimeout(delay)
      if (connected) known = performance.now()
      source?.close()
      source = null
      connected = false
    }
    const open = () => {
      if (source || document.visibilityState === 'hidden') return
      source = new EventSource(`/api/events?ago=${Math.ceil(performance.now() - known)}`)
      source.addEventListener('open', () => {
        connected = true
        shared = false
      })
      source.addEventListener('shared', (event) => {
        shared = (event as MessageEvent<string>).data === 'true'
      })
      source.addEventListener('changed', (event) => renew(queries, (event as MessageEvent<string>).data))
      source.addEventListener('error', () => {
        if (connected) known = performance.now()
        connected = false
        // Refused: the browser does not try again by itself.
        if (source?.readyState === EventSource.CLOSED) {
          close()
          delay = setTimeout(open, 30_000)
        }
      })
    }
    const look = () => {
      if (document.visibilityState === 'hidden') return close()
      if (!source) {
        known = performance.now()
        renew(queries, 'everything')
        open()
      }
    }
    // What the page itself asks for comes first.
    delay = setTimeout(open, 1_000)
    document.addEventListener('visibilitychange', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      close()
    }
  }, [queries])
}
