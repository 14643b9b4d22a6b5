import { renderToStaticMarkup } from 'react-dom/server'
import { expect, it, vi } from 'vitest'
import { Table } from './table'

vi.mock('../i18n', () => ({ useSpeech: () => ({ t: (key: string) => key }), known: () => false }))

const shown = (count: number) =>
  renderToStaticMarkup(
    <Table
      caption="numbers"
      columns={[{ key: 'n', head: 'n', show: (n: number) => `number ${n}` }]}
      rows={Array.from({ length: count }, (_, n) => n)}
      id={(n) => n}
      empty="none"
    />,
  )

it('a table has a hundred rows at most, and a way to the others', () => {
  const all = shown(250)
  expect(all.match(/number \d+/g)).toHaveLength(100)
  expect(all).toContain('<nav')
  const few = shown(100)
  expect(few.match(/number \d+/g)).toHaveLength(100)
  expect(few).not.toContain('<nav')
})
