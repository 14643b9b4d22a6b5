import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { useSpeech } from '../i18n'
import { IconButton } from './button'
import { ToastPlace } from './toast'

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  description?: string
  /** At the side, as tall as the page: for details. */
  side?: boolean
  children: ReactNode
}

export function Dialog({ open, onOpenChange, title, description, side, children }: Props) {
  const { t } = useSpeech()
  const place = side
    ? 'inset-y-0 right-0 w-full max-w-2xl border-l'
    : // Not by a translation: what is fixed within it would be fixed to it.
      'inset-0 m-auto h-fit w-[calc(100%-2rem)] max-w-lg rounded-lg border max-h-[calc(100dvh-2rem)]'
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          className={`fixed z-50 flex flex-col border-line bg-card shadow-xl ${place}`}
          {...(description ? {} : { 'aria-describedby': undefined })}
        >
          <div className="flex items-center justify-between gap-4 border-b border-line px-4 py-2">
            <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton label={t('close')}>
                <X className="size-4" aria-hidden />
              </IconButton>
            </Radix.Close>
          </div>
          <div className="overflow-auto p-4" data-scrolls>
            {description ? (
              <Radix.Description className="mb-4 text-soft">{description}</Radix.Description>
            ) : null}
            {children}
          </div>
          <ToastPlace />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
