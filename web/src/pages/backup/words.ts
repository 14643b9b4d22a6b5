import type { Schemas } from '../../api/client'
import type { Speech } from '../../i18n'

export type Import = Schemas['Import']
export type Report = Schemas['ImportReport']

const KINDS = ['user', 'token', 'channel', 'voucher', 'option', 'log'] as const
type Kind = (typeof KINDS)[number]
export const kindOf = (text: string): Kind | undefined => KINDS.find((kind) => kind === text)

/** "6 users, 2 keys and 1 channel": what of a report is new; empty where nothing is. */
export function fresh(report: Report, t: Speech['t'], language: string): string {
  const parts = report.counts.flatMap(({ kind, imported }) => {
    const known = kindOf(kind)
    return known && imported > 0 ? [t(`backup_n_${known}`, { count: imported })] : []
  })
  return new Intl.ListFormat(language, { type: 'conjunction' }).format(parts)
}
