// What of the setup is done: asked of the server, so that it can be left and come back to.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import { isFailed, type Log } from '../logs/words'

export const STEPS = ['account', 'address', 'channel', 'key', 'request'] as const
export type Step = (typeof STEPS)[number]

export const anyChannel = queryOptions({
  queryKey: ['channels', 'any'],
  queryFn: () => data(api.GET('/api/channel', { params: { query: { page_size: 1 } } })),
})

const anyKey = queryOptions({
  queryKey: ['tokens', 'any'],
  queryFn: () => data(api.GET('/api/token', { params: { query: { page_size: 1 } } })),
})

const options = queryOptions({ queryKey: ['options'], queryFn: () => data(api.GET('/api/option')) })

/** The newest own call; while it is waited for, again and again. Hidden pages don't ask. */
const newest = (waiting: boolean) =>
  queryOptions({
    queryKey: ['logs', 'newest-own'],
    queryFn: async () =>
      (await data(api.GET('/api/log/self', { params: { query: { type: 2, page_size: 1 } } })))[0] ?? null,
    refetchInterval: ({ state }) => (waiting && !succeeded(state.data) ? 2_000 : false),
  })

const succeeded = (call: Log | null | undefined) => !!call && !isFailed(call)

/** `waiting`: somebody looks whether a call comes. */
export function useProgress(waiting: boolean) {
  const channels = useQuery(anyChannel)
  const keys = useQuery(anyKey)
  const settings = useQuery(options)
  const call = useQuery(newest(waiting))
  const address = settings.data?.find((option) => option.key === 'ServerAddress')
  const done: Record<Step, boolean> = {
    account: true,
    address: address !== undefined && (address.owner === 'file' || address.value !== address.default),
    channel: (channels.data?.length ?? 0) > 0,
    key: (keys.data?.length ?? 0) > 0,
    request: succeeded(call.data),
  }
  const all = [channels, keys, settings, call]
  return {
    done,
    address,
    call: call.data ?? undefined,
    pending: all.some((one) => one.isPending),
    error: all.find((one) => one.error && !one.data)?.error,
    retry: () => Promise.all(all.map((one) => one.refetch())),
  }
}
