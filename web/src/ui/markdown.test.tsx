import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import Markdown, { safeLink } from './markdown'

const shown = (text: string) => renderToStaticMarkup(<Markdown text={text} />)

describe('Markdown of operators', () => {
  it('shows HTML as text', () => {
    const html = shown('Hello <img src=x onerror="alert(1)"> there\n\n<script>alert(1)</script>')
    expect(html).not.toMatch(/<(img|script)/)
    expect(html).toContain('&lt;script&gt;')
  })

  it('leads only where links may lead', () => {
    for (const bad of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\nscript:alert(1)',
      '\u0001javascript:alert(1)',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
    ])
      expect(safeLink(bad), bad).toBe('')
    for (const good of ['https://a.example/b?c=d:e', 'mailto:me@a.example', '/models', '#top', 'a/b:c'])
      expect(safeLink(good), good).toBe(good)
    expect(shown('[go](javascript:alert(1))')).not.toContain('href')
    expect(shown('[go](&#106;avascript:alert(1))')).not.toContain('href')
    expect(shown('[go](https://a.example)')).toContain('rel="noopener noreferrer nofollow"')
  })

  it('loads no pictures', () => {
    const html = shown('![a cat](https://a.example/cat.png) ![none](http://a.example/cat.png)')
    expect(html).not.toContain('<img')
    expect(html).toContain('<a href="https://a.example/cat.png"')
    expect(html).not.toContain('http://')
  })

  it('has one heading of the first rank: that of the page', () => {
    expect(shown('# Title\n\n&copy; &unheard;')).toMatch(/<h2[^>]*>Title<\/h2>/)
    expect(shown('&copy; &unheard;')).toContain('© &amp;unheard;')
  })
})
