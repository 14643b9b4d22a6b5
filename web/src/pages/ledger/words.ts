import type { Schemas } from '../../api/client'

export type Movement = Schemas['LedgerMovement']

/** Kinds of movements, in the API's words. */
export const KINDS = [
  'settle',
  'overrun',
  'void',
  'topup',
  'voucher',
  'adjust',
  'gift',
  'opening',
  'loss',
  'found',
] as const
export type Kind = (typeof KINDS)[number]

/** Those that a call has made. */
export const isCall = (kind: string) => ['settle', 'overrun', 'void'].includes(kind)
export const kindOf = (text: string | undefined): Kind | undefined => KINDS.find((kind) => kind === text)
