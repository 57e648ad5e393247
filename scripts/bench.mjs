/**
 * `npm run bench -- NAME [args]`: bundles bench/NAME/index.ts (sources, not the build) with esbuild and calls its
 * exported `run(args)`. The bundle goes to .cache/bench; native packages stay outside it.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './steps.mjs'

const [name, ...args] = process.argv.slice(2)
const entry = join(root, 'bench', name ?? '', 'index.ts')
if (name === undefined || !existsSync(entry)) {
  const known = existsSync(join(root, 'bench'))
    ? readdirSync(join(root, 'bench')).filter((folder) => existsSync(join(root, 'bench', folder, 'index.ts')))
    : []
  console.error(`usage: npm run bench -- NAME [args]\nbenches: ${known.join(', ') || 'none'}`)
  process.exit(1)
}

const { build } = await import('esbuild')
const outfile = join(root, '.cache', 'bench', `${name}.mjs`)
await build({
  entryPoints: [entry],
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
const bench = await import(pathToFileURL(outfile).href)
await bench.run(args)
