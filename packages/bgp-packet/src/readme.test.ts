/** The examples of the README are run, and print what the comments below each statement say; its field tables are complete. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ATTRIBUTE_FIELDS } from './update/print.js'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const EXAMPLES = [...README.matchAll(/^## (.*)\n(?:(?!^## )[^\n]*\n)*?```ts\n([\s\S]*?)```/gm)].map(
  (match) => [match[1] ?? '', match[2] ?? ''] as const,
)

/** Examples become modules of the source tree's test run; the folder is not under version control. */
const FOLDER = fileURLToPath(new URL('../../../.cache/readme/', import.meta.url))

/** Runs an example and returns the lines it printed. */
async function run(code: string, name: string): Promise<string[]> {
  const printed: string[] = []
  Object.assign(globalThis, { printExample: (...values: unknown[]) => printed.push(values.join(' ')) })
  mkdirSync(FOLDER, { recursive: true })
  const path = `${FOLDER}${name.replace(/\W+/g, '-')}.ts`
  writeFileSync(path, code.replaceAll('console.log', 'globalThis.printExample'))
  await import(/* @vite-ignore */ path)
  return printed
}

it('has examples', () => expect(EXAMPLES.length).toBeGreaterThanOrEqual(6))

it.each(EXAMPLES)('%s', async (name, code) => {
  const wanted = code
    .split('\n')
    .flatMap((line) => (line.startsWith('// ') && !line.endsWith('octet.') ? [line.slice(3)] : []))
  expect(await run(code, name)).toEqual(wanted)
})

it('every attribute field is in the table', () => {
  for (const field of ATTRIBUTE_FIELDS) expect(README).toContain(`\`${field}\``)
})
