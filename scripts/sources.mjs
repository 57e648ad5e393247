/**
 * Sources that are run, not built: benchmarks, the fuzzer, the large simulation. esbuild bundles the TypeScript into .cache;
 * native packages and those with files of their own stay outside. Plain Node.
 */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from './steps.mjs'

/** Imports `entry` (a path below the root) as the module it is. */
export async function importSource(entry, name) {
  const outfile = join(root, '.cache', 'sources', `${name}.mjs`)
  mkdirSync(dirname(outfile), { recursive: true })
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@starling/source'],
    external: ['koffi', '@grpc/grpc-js', 'fastify', '@fastify/*', 'prom-client', 'pino', 'pino-pretty'],
    sourcemap: 'inline',
    logLevel: 'warning',
  })
  return import(pathToFileURL(outfile).href)
}
