/**
 * `npm run bench [-- NAME] [args]`: bundles bench/NAME/index.ts (sources, not the build) and calls its exported `run(args)`.
 * Without a name it is `reflect`: reflecting, side by side with the other daemons that are installed here.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { importSource } from './sources.mjs'
import { root } from './steps.mjs'

const given = process.argv.slice(2)
const named = given[0] !== undefined && !given[0].startsWith('-')
const name = named ? given[0] : 'reflect'
const entry = join(root, 'bench', name, 'index.ts')
if (!existsSync(entry)) {
  const known = readdirSync(join(root, 'bench')).filter((folder) => existsSync(join(root, 'bench', folder, 'index.ts')))
  console.error(`usage: npm run bench -- [NAME] [args]\nbenches: ${known.join(', ')}`)
  process.exit(1)
}

const bench = await importSource(join('bench', name, 'index.ts'), `bench-${name}`)
await bench.run(named ? given.slice(1) : given)
