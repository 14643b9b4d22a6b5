// How the models fare, in one sentence.
import type { Uptime } from '../../api/visitors'
import { useSpeech } from '../../i18n'

export function useHealthSays() {
  const { t } = useSpeech()
  return (models: Uptime[]) => {
    const all = models.length
    const count = (state: Uptime['state']) => models.filter((one) => one.state === state).length
    const [down, degraded] = [count('down'), count('degraded')]
    if (all === 0) return t('uptime_empty')
    if (down && degraded) return t('uptime_says_bad', { down, degraded, all })
    if (down) return t('uptime_says_down', { down, all })
    if (degraded) return t('uptime_says_degraded', { degraded, all })
    return count('up') ? t('uptime_says_up') : t('uptime_says_idle')
  }
}
