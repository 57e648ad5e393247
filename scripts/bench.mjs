/**
 * `npm run bench [-- NAME] [args]`: bundles bench/NAME/index.ts (sources, not the build) and calls its exported `run(args)`.
 * Without a name it is `reflect`: reflecting, side by side with the other daemons that are installed here.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

// Temporary files of all kinds lie in one folder. A shell waits for the end of this process, a SIGKILL included, to remove it.
const folder = mkdtempSync(join(tmpdir(), 'starling-bench-'))
process.env.TMPDIR = folder
const sweep = 'read -r _; for i in 1 2 3 4 5; do rm -rf "$0" && break; sleep 1; done'
const sweeper = spawn('sh', ['-c', sweep, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
sweeper.unref()
sweeper.stdin.unref()

const bench = await importSource(join('bench', name, 'index.ts'), `bench-${name}`)
await bench.run(named ? given.slice(1) : given)
