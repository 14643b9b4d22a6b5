// What several parts of the page ask for.
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { useFailed, useSay } from '../../ui/toast'

export type Channel = Schemas['Channel']

export const types = queryOptions({
  queryKey: ['channel-types'],
  queryFn: () => data(api.GET('/api/channel/types')),
  staleTime: Number.POSITIVE_INFINITY,
})

/** Names of types by their numbers. */
export function useTypeName() {
  const { data: all } = useQuery(types)
  return (type: number) => all?.find((one) => one.type === type)?.name ?? String(type)
}

export const groupNames = queryOptions({
  queryKey: ['group-names'],
  queryFn: () => data(api.GET('/api/group')),
})

/** What the vendors are known to offer, by type. */
export const knownModels = queryOptions({
  queryKey: ['known-models'],
  queryFn: () => data(api.GET('/api/models')),
  staleTime: Number.POSITIVE_INFINITY,
})

export function useRefresh() {
  const queries = useQueryClient()
  return () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['channels'] }),
      queries.invalidateQueries({ queryKey: ['channel'] }),
      queries.invalidateQueries({ queryKey: ['prices'] }),
      queries.invalidateQueries({ queryKey: ['alerts'] }),
    ])
}

/** Takes a channel out of rotation, or back; can be undone. */
export function usePause() {
  const { t } = useSpeech()
  const say = useSay()
  const failed = useFailed()
  const refresh = useRefresh()
  const change = useMutation({
    mutationFn: ({ channel, status }: { channel: Pick<Channel, 'id' | 'name'>; status: number }) =>
      whole(api.PUT('/api/channel', { body: { id: channel.id, status } })),
    onSuccess: (_, { channel, status }) => {
      refresh()
      say(t(status === 1 ? 'channel_resumed' : 'channel_paused', { name: channel.name }), {
        undo: () => change.mutate({ channel, status: status === 1 ? 2 : 1 }),
      })
    },
    onError: failed,
  })
  return change
}

/** Calls a channel for real. */
export async function tested(id: number, model: string | undefined) {
  const query = (model ? { model } : {}) as never
  return whole(api.GET('/api/channel/test/{id}', { params: { path: { id }, query } }))
}
