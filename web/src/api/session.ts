// Who is signed in, and what the installation says of itself.
import { queryOptions, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { ApiError, api, data, type Schemas } from './client'

export const ROLES = { user: 1, admin: 10, root: 100 } as const

export const me = queryOptions({
  queryKey: ['me'],
  queryFn: async (): Promise<Schemas['User'] | null> => {
    try {
      return await data(api.GET('/api/user/self'))
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null
      throw error
    }
  },
  staleTime: 30_000,
})

export const site = queryOptions({
  queryKey: ['site'],
  queryFn: () => data(api.GET('/api/status')),
  staleTime: 60_000,
})

export function useMe(): Schemas['User'] {
  const { data: user } = useSuspenseQuery(me)
  if (!user) throw new ApiError(401, 'unauthorized', '', '', 0)
  return user
}

export const useSite = () => useQuery(site).data
