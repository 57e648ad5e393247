/** The examples of the README are run, and print what the comments below each statement say; its field tables are complete. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { ATTRIBUTE_FIELDS } from './update/print.js'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const EXAMPLES = [...README.matchAll(/^## (.*)\n(?:(?!^## )[^\n]*\n)*?```ts\n([\s\S]*?)```/gm)].map(
  (match) => [match[1] ?? '', match[2] ?? ''] as const,
)

/** Runs an example with its imports resolved to the sources and returns the lines it printed. */
async function run(code: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'readme-'))
  const outfile = join(folder, 'example.mjs')
  const body = code.replaceAll('console.log', 'print')
  try {
    await build({
      stdin: { contents: `${body}`, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
      banner: { js: 'const printed = globalThis.__printed; const print = (...a) => printed.push(a.join(" "));' },
      alias: { '@starling/bgp-packet': fileURLToPath(new URL('./index.ts', import.meta.url)) },
      bundle: true,
      format: 'esm',
      outfile,
      logLevel: 'error',
    })
    const printed: string[] = []
    Object.assign(globalThis, { __printed: printed })
    await import(/* @vite-ignore */ pathToFileURL(outfile).href)
    return printed
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it('has examples', () => expect(EXAMPLES.length).toBeGreaterThanOrEqual(6))

it.each(EXAMPLES)('%s', async (_, code) => {
  const wanted = code
    .split('\n')
    .flatMap((line) => (line.startsWith('// ') && !line.endsWith('octet.') ? [line.slice(3)] : []))
  expect(await run(code)).toEqual(wanted)
})

it('every attribute field is in the table', () => {
  for (const field of ATTRIBUTE_FIELDS) expect(README).toContain(`\`${field}\``)
})
