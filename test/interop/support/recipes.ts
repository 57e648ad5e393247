/**
 * The recipes of docs/tor.md, as they stand there: what the page promises is what the tests run.
 */
import { readFileSync } from 'node:fs'

const PAGE = readFileSync(new URL('../../../docs/tor.md', import.meta.url), 'utf8')

/** The block below `<!-- recipe: NAME -->`. */
export function recipe(name: string): string {
  const [, text] = new RegExp(`<!-- recipe: ${name} -->\\n\`\`\`\\w*\\n([\\s\\S]*?)\`\`\``).exec(PAGE) ?? []
  if (text === undefined) throw new Error(`docs/tor.md has no recipe "${name}"`)
  return text
}
