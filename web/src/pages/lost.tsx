import { Link, useRouter } from '@tanstack/react-router'
import { useSpeech } from '../i18n'
import { Failure } from '../ui/errors'

export function Lost() {
  const { t } = useSpeech()
  return (
    <main className="mx-auto flex max-w-xl flex-col gap-4 p-8">
      <h1 className="text-xl font-semibold">{t('lost')}</h1>
      <Link to="/" className="text-accent underline">
        {t('home')}
      </Link>
    </main>
  )
}

export function Broken({ error }: { error: unknown }) {
  const router = useRouter()
  return (
    <main className="mx-auto max-w-xl p-8">
      <Failure error={error} retry={() => router.invalidate()} />
    </main>
  )
}
