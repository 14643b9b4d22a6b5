import { LoaderCircle } from 'lucide-react'
import type { ButtonHTMLAttributes, ReactNode } from 'react'

type Look = 'main' | 'plain' | 'quiet' | 'danger'

const LOOKS: Record<Look, string> = {
  main: 'bg-accent text-on-accent border-accent hover:opacity-90',
  plain: 'bg-card text-ink border-line hover:bg-raised',
  quiet: 'bg-transparent text-ink border-transparent hover:bg-raised',
  danger: 'bg-card text-bad border-bad hover:bg-raised',
}

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  busy?: boolean
  icon?: ReactNode
}

export function Button({ look = 'plain', busy, icon, children, className = '', disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={`inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 font-medium whitespace-nowrap disabled:opacity-60 max-md:min-h-11 ${LOOKS[look]} ${className}`}
    >
      {busy ? <LoaderCircle className="size-4 animate-spin" aria-hidden /> : icon}
      {children}
    </button>
  )
}

/** A button that is only a picture; its name is for those who don't see it, and for the pointer. */
export function IconButton({ label, children, className = '', ...rest }: Props & { label: string }) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className={`inline-flex size-8 items-center justify-center rounded-md text-soft hover:bg-raised hover:text-ink disabled:opacity-60 max-md:size-11 ${className}`}
    >
      {children}
    </button>
  )
}
