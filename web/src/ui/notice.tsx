// What the operator wants everybody to know now.
import { useQuery } from '@tanstack/react-query'
import { Megaphone } from 'lucide-react'
import { lazy, Suspense } from 'react'
import { notice } from '../api/visitors'
import { useSpeech } from '../i18n'

const Markdown = lazy(() => import('./markdown'))

export function Notice() {
  const { t } = useSpeech()
  const { data: text } = useQuery(notice)
  if (!text?.trim()) return null
  return (
    <aside
      aria-label={t('notice_title')}
      className="flex gap-3 rounded-lg border border-line bg-card px-4 py-3"
    >
      <Megaphone className="mt-1 size-4 shrink-0 text-accent" aria-hidden />
      <div className="min-w-0 flex-1">
        <Suspense fallback={null}>
          <Markdown text={text} />
        </Suspense>
      </div>
    </aside>
  )
}
