/**
 * The Node that production images use, from the npm registry, beside the floor that runs everything else. Installed once
 * into .cache and never into the project's own dependencies. Plain Node, no dependencies.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './steps.mjs'

const VERSION = '24.21.0'
const folder = join(root, '.cache', `node-${VERSION}`)
const binary = join(folder, 'node_modules', 'node', 'bin', 'node')

/** Path of the binary, or undefined when it cannot be had here. */
export async function node24() {
  if (existsSync(binary)) return binary
  const npm = process.env['npm_execpath']
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--fetch-retries=5',
    `node@${VERSION}`,
  ]
  const code = npm === undefined ? await run('npm', args) : await run(process.execPath, [npm, ...args])
  return code === 0 && existsSync(binary) ? binary : undefined
}
