// Recovery codes: shown once.
import { useSpeech } from '../../i18n'
import { Button } from '../../ui/button'
import { Dialog } from '../../ui/dialog'
import { Code } from '../../ui/show'

export function Recovery({ codes, close }: { codes: string[]; close: () => void }) {
  const { t } = useSpeech()
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t('account_codes')}
      description={t('account_codes_says')}
    >
      <div className="flex flex-col gap-4">
        <Code text={codes.join('\n')} />
        <Button look="main" onClick={close}>
          {t('account_codes_kept')}
        </Button>
      </div>
    </Dialog>
  )
}
