import { useMemo } from 'react'
import { qr } from '../../lib/qr'

/** Black on white whatever the colours of the page are: cameras want it so. */
export function Qr({ text, label }: { text: string; label: string }) {
  const rows = useMemo(() => qr(text), [text])
  if (!rows) return null
  const size = rows.length + 8
  const path = rows.flatMap((row, y) => row.map((on, x) => (on ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join('')
  return (
    <svg
      viewBox={`0 0 ${size} ${size}`}
      className="mx-auto size-56 max-w-full"
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
