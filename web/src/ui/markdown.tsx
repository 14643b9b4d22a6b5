// What operators write as Markdown. HTML in it is text; where links lead is checked; pictures are links, since the
// page's content policy loads none from other hosts. A file of its own: it is loaded where there is Markdown.
import type { ReactNode } from 'react'
import Parsed, { type Components } from 'react-markdown'

const SCHEMES = /^(https?|mailto):/i
/** Anything before a colon that comes before the path is a scheme. */
const HAS_SCHEME = /^[^/?#]*:/

/** Where a link may lead; empty where it may not. */
export function safeLink(address: string): string {
  // Browsers leave out control characters: `java\nscript:` is a scheme to them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const plain = address.replace(/[\u0000-\u0020\u007f-\u00a0]+/g, '')
  return SCHEMES.test(plain) || !HAS_SCHEME.test(plain) ? address : ''
}

function Anchor({ to, children }: { to: string | undefined; children: ReactNode }) {
  return to ? (
    <a
      href={to}
      rel="noopener noreferrer nofollow"
      className="rounded text-accent underline underline-offset-4 break-words"
    >
      {children}
    </a>
  ) : (
    <span>{children}</span>
  )
}

// The page has its own heading of the first rank.
const PARTS: Components = {
  a: ({ href, children }) => <Anchor to={href}>{children}</Anchor>,
  img: ({ src, alt }) => {
    const to = typeof src === 'string' && /^https:/i.test(src) ? src : undefined
    return <Anchor to={to}>{alt || to || ''}</Anchor>
  },
  h1: ({ children }) => <h2 className="mt-2 text-2xl font-semibold">{children}</h2>,
  h2: ({ children }) => <h2 className="mt-2 text-xl font-semibold">{children}</h2>,
  h3: ({ children }) => <h3 className="mt-1 text-base font-semibold">{children}</h3>,
  h4: ({ children }) => <h4 className="font-semibold">{children}</h4>,
  h5: ({ children }) => <h5 className="font-semibold">{children}</h5>,
  h6: ({ children }) => <h6 className="font-semibold">{children}</h6>,
  ul: ({ children }) => <ul className="flex list-disc flex-col gap-1 ps-6">{children}</ul>,
  ol: ({ children, start }) => (
    <ol start={start} className="flex list-decimal flex-col gap-1 ps-6">
      {children}
    </ol>
  ),
  blockquote: ({ children }) => (
    <blockquote className="flex flex-col gap-2 border-s-4 border-line ps-4 text-soft">{children}</blockquote>
  ),
  hr: () => <hr className="border-line" />,
  pre: ({ children }) => (
    <pre
      tabIndex={0}
      className="overflow-x-auto rounded-md border border-line bg-raised p-3 font-mono text-xs leading-5 [&>code]:bg-transparent [&>code]:p-0"
    >
      {children}
    </pre>
  ),
  code: ({ children }) => (
    <code className="rounded bg-raised px-1 py-0.5 font-mono text-[0.9em] break-words">{children}</code>
  ),
}

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="flex flex-col gap-3 leading-6 break-words">
      <Parsed components={PARTS} urlTransform={safeLink}>
        {text}
      </Parsed>
    </div>
  )
}
