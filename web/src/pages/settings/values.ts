// Options as they are written in fields: money in dollars, though the API keeps quota.
import { quotaUsd, typedQuota } from '../../lib/money'
import { kindOf } from './options'

/** As a field has it. */
export function fieldOf(key: string, value: string): string {
  return kindOf(key) === 'money' && /^\d+$/.test(value) ? String(quotaUsd(Number(value))) : value
}

/** As the API has it; null when the field holds no such value. */
export function settingOf(key: string, field: string): string | null {
  switch (kindOf(key)) {
    case 'money': {
      const quota = typedQuota(field)
      return quota === null || quota < 0 ? null : String(quota)
    }
    case 'number':
      return /^\d+(\.\d+)?$/.test(field.trim()) ? field.trim() : null
    case 'json':
      try {
        JSON.parse(field)
        return field
      } catch {
        return null
      }
    default:
      return field
  }
}
