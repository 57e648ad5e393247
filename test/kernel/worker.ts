/** The netlink worker as one file, for tests and benches that run from sources: a thread cannot be started from those. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = process.cwd()
const SOURCE = 'packages/route-programmer/src/netlink/netlink-worker.ts'
const OPTIONS = ['--bundle', '--platform=node', '--format=esm', '--conditions=@starling/source', '--external:koffi']

export function buildWorker(): URL {
  const outfile = join(root, '.cache', `netlink-worker-${process.pid}.mjs`)
  // The command, not the library: that one cannot become part of a bundle, and benches are bundles.
  const esbuild = join(root, 'node_modules/.bin/esbuild')
  execFileSync(esbuild, [join(root, SOURCE), `--outfile=${outfile}`, '--log-level=error', ...OPTIONS])
  return pathToFileURL(outfile)
}
