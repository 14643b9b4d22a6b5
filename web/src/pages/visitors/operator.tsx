// A page that the operator has written: Markdown, HTML in a frame that may do nothing, or somebody else's page.
import { lazy, Suspense } from 'react'
import { useSpeech } from '../../i18n'

const Markdown = lazy(() => import('../../ui/markdown'))

/** As the service reads it: it lets frames of this page show that host. */
const ADDRESS = /^https:\/\/[\w.:[\]-]+([/?#]\S*)?$/

const FRAME = 'min-h-[70dvh] w-full flex-1 bg-white'

export function OperatorPage({ text, of, heading }: { text: string; of: 'home' | 'about'; heading: string }) {
  const { t } = useSpeech()
  const plain = text.trim()
  // The words of the frame are not the page's: its own heading is for those who hear the page.
  const hidden = <h1 className="sr-only">{heading}</h1>
  if (plain.startsWith('<'))
    return (
      <>
        {hidden}
        <iframe
          title={t('visit_frame')}
          // Nothing of it runs; its links open beside this page.
          sandbox="allow-popups allow-popups-to-escape-sandbox"
          src={`/api/content/${of}`}
          className={FRAME}
        />
      </>
    )
  if (ADDRESS.test(plain))
    return (
      <>
        {hidden}
        <iframe
          title={t('visit_frame')}
          sandbox="allow-scripts allow-forms allow-popups"
          referrerPolicy="no-referrer"
          src={plain}
          className={FRAME}
        />
      </>
    )
  return (
    <div className="mx-auto w-full max-w-3xl p-4 md:py-8">
      {hidden}
      <Suspense fallback={null}>
        <Markdown text={plain} />
      </Suspense>
    </div>
  )
}
