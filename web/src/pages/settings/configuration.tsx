// The configuration file.
import { useMutation } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { explained } from '../../ui/errors'
import { Card, State } from '../../ui/show'

export function Configuration() {
  const { t } = useSpeech()
  const reload = useMutation({ mutationFn: () => data(api.POST('/api/config/reload')) })
  const waiting = reload.data?.needs_restart ?? []
  return (
    <Card title={t('setting_config')}>
      <div className="flex flex-col gap-3">
        <p className="text-soft">{t('setting_config_hint')}</p>
        <div>
          <Button busy={reload.isPending} onClick={() => reload.mutate()}>
            {t('setting_reload')}
          </Button>
        </div>
        <div role="status">
          {reload.data && waiting.length === 0 ? <State mood="good">{t('setting_reloaded')}</State> : null}
          {waiting.length ? (
            <>
              <State mood="warn">{t('setting_needs_restart')}</State>
              <ul className="mt-1 font-mono text-xs">
                {waiting.map((name) => (
                  <li key={name}>{name}</li>
                ))}
              </ul>
            </>
          ) : null}
          {reload.error ? <p className="whitespace-pre-wrap text-bad">{explained(reload.error, t)}</p> : null}
        </div>
      </div>
    </Card>
  )
}
