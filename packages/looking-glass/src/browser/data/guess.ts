/** What a text in the search field is, by its form alone. */

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*)$/i
const PREFIX = /^[0-9a-f:.]+\/\d{1,3}$/i

export type Guess =
  | { readonly kind: 'prefix' | 'address' | 'as' | 'community' | 'name'; readonly text: string }
  | { readonly kind: 'nothing' }

/** What the text looks like, before anybody is asked. */
export function guess(input: string): Guess {
  const text = input.trim()
  if (text === '') return { kind: 'nothing' }
  if (PREFIX.test(text)) return { kind: 'prefix', text }
  const as = /^(?:AS ?)?(\d{1,10})$/i.exec(text)?.[1]
  if (as !== undefined) return { kind: 'as', text: as }
  if (/^\d{1,10}(?::\d{1,10}){1,2}$/.test(text)) return { kind: 'community', text }
  if (ADDRESS.test(text)) return { kind: 'address', text }
  return { kind: 'name', text }
}
