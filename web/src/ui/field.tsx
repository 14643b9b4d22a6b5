import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'

const BOX =
  'w-full min-h-8 max-md:min-h-11 rounded-md border border-line bg-card px-2.5 py-1 text-ink text-ellipsis placeholder:text-soft aria-invalid:border-bad'

/** While there is nothing to clear, the place of the cross belongs to the hint. */
const HINT = 'placeholder-shown:[&::-webkit-search-cancel-button]:hidden'

interface Named {
  label: string
  hint?: ReactNode
  error?: string | undefined
  /** The label is for those who don't see the field's surroundings. */
  hidden?: boolean
}

function Framed({ label, hint, error, hidden, id, children }: Named & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1 max-sm:has-[[type=search]]:w-full">
      <label htmlFor={id} className={hidden ? 'sr-only' : 'font-medium'}>
        {label}
      </label>
      {children}
      {hint ? (
        <p id={`${id}-hint`} className="text-xs text-soft">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-xs text-bad">
          {error}
        </p>
      ) : null}
    </div>
  )
}

const described = (id: string, { hint, error }: Named) =>
  [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined

export function Input(props: Named & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  const { label, hint, error, hidden, className = '', ...rest } = props
  return (
    <Framed id={id} {...{ label, hint, error, hidden }}>
      <input
        id={id}
        title={hidden ? label : undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, props)}
        {...rest}
        className={`${BOX} ${HINT} ${className}`}
      />
    </Framed>
  )
}

export function TextArea(props: Named & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId()
  const { label, hint, error, hidden, className = '', ...rest } = props
  return (
    <Framed id={id} {...{ label, hint, error, hidden }}>
      <textarea
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, props)}
        {...rest}
        className={`${BOX} py-1.5 ${className}`}
      />
    </Framed>
  )
}

export function Select(props: Named & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  const { label, hint, error, hidden, className = '', children, ...rest } = props
  return (
    <Framed id={id} {...{ label, hint, error, hidden }}>
      <select
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, props)}
        {...rest}
        className={`${BOX} ${className}`}
      >
        {children}
      </select>
    </Framed>
  )
}

export function Check({ label, ...rest }: { label: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className="flex items-center gap-2">
      <input id={id} type="checkbox" {...rest} className="size-6 accent-accent md:size-4" />
      <label htmlFor={id}>{label}</label>
    </div>
  )
}
