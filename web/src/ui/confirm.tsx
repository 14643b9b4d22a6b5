import { type ReactNode, useState } from 'react'
import { useSpeech } from '../i18n'
import { Button } from './button'
import { Dialog } from './dialog'
import { Input } from './field'

interface Props {
  title: string
  description: string
  /** What the button says. */
  action: string
  run: () => void
  close: () => void
  busy?: boolean
  danger?: boolean
  /** Has to be typed first: for what can't be undone and concerns many. */
  typed?: string
  children?: ReactNode
}

/** Asks before something is done. */
export function Confirm({ title, description, action, run, close, busy, danger, typed, children }: Props) {
  const { t } = useSpeech()
  const [text, setText] = useState('')
  return (
    <Dialog open onOpenChange={(open) => !open && close()} title={title} description={description}>
      <div className="flex flex-col gap-4">
        {children}
        {typed ? (
          <Input
            label={t('type_to_confirm', { text: typed })}
            value={text}
            autoComplete="off"
            onChange={(event) => setText(event.target.value)}
          />
        ) : null}
        <div className="flex flex-wrap gap-2">
          <Button
            look={danger ? 'danger' : 'main'}
            busy={busy ?? false}
            disabled={typed !== undefined && text.trim() !== typed}
            onClick={run}
          >
            {action}
          </Button>
          <Button onClick={close}>{t('cancel')}</Button>
        </div>
      </div>
    </Dialog>
  )
}
