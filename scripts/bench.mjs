/**
 * `npm run bench -- NAME [args]`: bundles bench/NAME/index.ts (sources, not the build) and calls its exported `run(args)`.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { importSource } from './sources.mjs'
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

const bench = await importSource(join('bench', name, 'index.ts'), `bench-${name}`)
await bench.run(args)
