/**
 * Fills `{name}`; `{count|one|more}` chooses by the language's plural of `count`, and `{count|one|few|more}` in
 * languages that count so.
 */
export function fill(text: string, values: Record<string, string | number>, language: string): string {
  return text.replace(/\{(\w+)((?:\|[^|}]*)*)\}/g, (whole, name: string, choices: string) => {
    const value = values[name]
    if (value === undefined) return whole
    if (!choices) return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value
    const forms = choices.slice(1).split('|')
    const plural = new Intl.PluralRules(language).select(Number(value))
    const place = plural === 'one' ? 0 : plural === 'few' && forms.length > 2 ? 1 : forms.length - 1
    return forms[place] ?? ''
  })
}
