/** A module of the sources as one file, for what runs in another process: a guest kernel, a child under other rights. */
import { join } from 'node:path'
import { build } from 'esbuild'

const CACHE = join(import.meta.dirname, '../../.cache')

/** Bundles `contents`, whose relative imports begin at `folder`, into a file of this process alone; resolves to its path. */
export async function bundled(name: string, folder: string, contents: string): Promise<string> {
  const outfile = join(CACHE, `${name}-${process.pid}.mjs`)
  await build({
    stdin: { contents, resolveDir: folder },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@starling/source'],
    external: ['koffi'],
  })
  return outfile
}
