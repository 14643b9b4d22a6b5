// What anybody may read: the operator's own texts, the models on offer, and how they have fared.
import { queryOptions } from '@tanstack/react-query'
import type { Price } from '../pages/prices/rates'
import { ApiError, api, data, type Schemas } from './client'

export type Offer = Omit<Schemas['CatalogueModel'], 'price'> & { price: Price | null }
export type Catalogue = Omit<Schemas['CatalogueView'], 'models'> & { models: Offer[] }
export type Health = Schemas['Uptime']
export type Uptime = Schemas['UptimeModel']

export const notice = queryOptions({
  queryKey: ['notice'],
  queryFn: () => data(api.GET('/api/notice')),
  staleTime: 60_000,
})

export const homeText = queryOptions({
  queryKey: ['home-text'],
  queryFn: () => data(api.GET('/api/home_page_content')),
  staleTime: 60_000,
})

export const aboutText = queryOptions({
  queryKey: ['about-text'],
  queryFn: () => data(api.GET('/api/about')),
  staleTime: 60_000,
})

export const catalogue = queryOptions({
  queryKey: ['catalogue'],
  // Of a price the document says only that it is an object.
  queryFn: async () => (await data(api.GET('/api/catalogue'))) as unknown as Catalogue,
  staleTime: 60_000,
})

export const health = queryOptions({
  queryKey: ['uptime'],
  queryFn: () => data(api.GET('/api/uptime')),
  refetchInterval: 60_000,
  staleTime: 30_000,
})

/** The operator has switched it off. */
export const closed = (error: unknown) => error instanceof ApiError && error.status === 404
