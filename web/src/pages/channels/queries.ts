// What several parts of the page ask for.
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data, type Schemas, whole } from '../../api/client'
import { useSpeech } from '../../i18n'
import { type Patch, withId } from '../../lib/rows'
import { useChange } from '../../ui/change'

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

/** What tells of channels: beginnings of query keys. */
export const CONCERNS = [['channels'], ['channel'], ['prices'], ['alerts']]

export function useRefresh() {
  const queries = useQueryClient()
  return () => Promise.all(CONCERNS.map((queryKey) => queries.invalidateQueries({ queryKey })))
}

/** A paused channel fails no more. */
const unalarmed =
  (id: number): Patch =>
  (seen) => {
    const told = seen as Schemas['Alerts']
    const alerts = told.alerts.filter((alert) => alert.id !== id)
    return { ...told, alerts, failing: Math.max(told.failing - (told.alerts.length - alerts.length), 0) }
  }

/** A channel that is paused or resumed, and what it was. */
export type Paused = Pick<Channel, 'id' | 'name' | 'status'> & { before: number }

/** Takes a channel out of rotation, or back; can be undone. */
export function usePause() {
  const { t } = useSpeech()
  return useChange({
    run: ({ id, status }: Paused) => whole(api.PUT('/api/channel', { body: { id, status } })),
    concerns: CONCERNS,
    shown: ({ id, status }) => [
      [['channels'], withId<Channel>(id, { status })],
      [['channel', id, 'one'], withId<Channel>(id, { status })],
      ...(status === 2 ? [[['alerts'], unalarmed(id)] as [string[], Patch]] : []),
    ],
    back: ({ status, before, ...channel }) => ({ ...channel, status: before, before: status }),
    // That the gateway had disabled it is neither of the two.
    says: ({ name, status }) =>
      status === 3 ? t('undone') : t(status === 1 ? 'channel_resumed' : 'channel_paused', { name }),
    about: ({ id }) => `channel ${id}`,
  })
}

/** What a press on Pause or Resume means. */
export const switched = ({ id, name, status }: Pick<Channel, 'id' | 'name' | 'status'>): Paused => ({
  id,
  name,
  status: status === 1 ? 2 : 1,
  before: status,
})

/** Calls a channel for real. */
export async function tested(id: number, model: string | undefined) {
  const query = (model ? { model } : {}) as never
  return whole(api.GET('/api/channel/test/{id}', { params: { path: { id }, query } }))
}
