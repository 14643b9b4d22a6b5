// Who runs this: the operator's own words, or what the program can say of itself.
import { useQuery } from '@tanstack/react-query'
import { useSite } from '../../api/session'
import { aboutText } from '../../api/visitors'
import { useSpeech } from '../../i18n'
import { Failure } from '../../ui/errors'
import { OperatorPage } from './operator'

export function About() {
  const { t } = useSpeech()
  const site = useSite()
  const own = useQuery(aboutText)
  const name = site?.system_name || 'MAGIC'
  const heading = t('visit_about_title', { name })
  if (own.isPending) return null
  if (own.data?.trim()) return <OperatorPage text={own.data} of="about" heading={heading} />
  return (
    <div className="mx-auto flex w-full max-w-3xl flex-col gap-3 p-4 md:py-8">
      <h1 className="text-xl font-semibold break-words">{heading}</h1>
      {own.error ? (
        <Failure error={own.error} retry={() => own.refetch()} />
      ) : (
        <p className="leading-6">{t('visit_about_none', { name, version: site?.version ?? '' })}</p>
      )}
    </div>
  )
}
