// Small pieces that show one thing.
import { Check, Copy } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useSpeech } from '../i18n'
import { exact, short, usd } from '../lib/money'
import { ago, moment } from '../lib/time'
import { Button, IconButton } from './button'

export function Money({ usd: amount }: { usd: string | number }) {
  const { language } = useSpeech()
  return (
    <span className="tabular-nums" title={`$${amount}`}>
      {usd(amount, language)}
    </span>
  )
}

export function Count({ of }: { of: number }) {
  const { language } = useSpeech()
  return (
    <span className="tabular-nums" title={exact(of, language)}>
      {short(of, language)}
    </span>
  )
}

/** Unix seconds; 0 is never. */
export function Time({ at }: { at: number }) {
  const { language, t } = useSpeech()
  if (at <= 0) return <span className="text-soft">{t('never')}</span>
  return (
    <time
      dateTime={new Date(at * 1000).toISOString()}
      title={moment(at, language)}
      className="whitespace-nowrap"
    >
      {ago(at, language)}
    </time>
  )
}

type Mood = 'good' | 'warn' | 'bad' | 'none'

const MOODS: Record<Mood, string> = {
  good: 'text-good',
  warn: 'text-warn',
  bad: 'text-bad',
  none: 'text-soft',
}

/** A state: a mark, a word, a colour. */
export function State({ mood, children }: { mood: Mood; children: ReactNode }) {
  const mark = { good: '●', warn: '◐', bad: '■', none: '○' }[mood]
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${MOODS[mood]}`}>
      <span aria-hidden>{mark}</span>
      {children}
    </span>
  )
}

function useCopy(text: string) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2_000)
  }
  return { copied, copy }
}

/** `name`: what the button without a label says to those who don't see what it stands beside. */
export function CopyButton({ text, label, name }: { text: string; label?: string; name?: string }) {
  const { t } = useSpeech()
  const { copied, copy } = useCopy(text)
  const icon = copied ? (
    <Check className="size-4 text-good" aria-hidden />
  ) : (
    <Copy className="size-4" aria-hidden />
  )
  const says = copied ? t('copied') : (label ?? name ?? t('copy'))
  return label ? (
    <Button look="main" onClick={copy} icon={icon}>
      {says}
    </Button>
  ) : (
    <IconButton label={says} onClick={copy}>
      {icon}
    </IconButton>
  )
}

/** Text that is code: as it is, to be copied. */
export function Code({ text }: { text: string }) {
  return (
    <div className="relative rounded-md border border-line bg-raised">
      <pre tabIndex={0} className="overflow-x-auto p-3 pr-12 font-mono text-xs leading-5">
        {text}
      </pre>
      <div className="absolute top-1 right-1">
        <CopyButton text={text} />
      </div>
    </div>
  )
}

export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-lg border border-dashed border-line p-10 text-center">
      <div className="text-soft">{icon}</div>
      <p>{title}</p>
      {children}
    </div>
  )
}

export function Card({
  title,
  actions,
  children,
}: {
  title?: string
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <section className="rounded-lg border border-line bg-card">
      {title ? (
        <div className="flex items-center justify-between gap-3 border-b border-line px-4 py-2">
          <h2 className="font-semibold">{title}</h2>
          {actions}
        </div>
      ) : null}
      <div className="p-4">{children}</div>
    </section>
  )
}
