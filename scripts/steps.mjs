/**
 * The steps that `npm start` and `npm test` share: right Node, dependencies as the lock file says, a current build.
 * Each says what it does and how long it took, and does nothing when nothing is to do. Plain Node, no dependencies.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const FLOOR = [20, 19]

/** Ends the process with one line when this Node is too old: the compiler's own message would be a riddle. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) return
  console.error(`Starling needs Node ${FLOOR.join('.')} or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

const readJson = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'))

/** True when every package of the lock file is in node_modules in the locked version; optional ones may be absent. */
export function dependenciesCurrent() {
  try {
    const locked = readJson('package-lock.json').packages
    const installed = readJson('node_modules/.package-lock.json').packages
    return Object.entries(locked).every(([path, { version, link, optional }]) => {
      if (path === '') return true
      const found = installed[path]
      if (found === undefined) return optional === true || !path.includes('node_modules/')
      return link === true || found.version === version
    })
  } catch {
    return false
  }
}

/** Runs a command with its output on ours, and told to `hear` as well. Resolves to its exit code; a signal counts as 1. */
export function run(command, args, { hear, ...options } = {}) {
  return new Promise((resolve) => {
    const out = hear === undefined ? 'inherit' : 'pipe'
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', out, 'inherit'], ...options })
    child.stdout?.on('data', (chunk) => {
      process.stdout.write(chunk)
      hear(String(chunk))
    })
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`)
      resolve(1)
    })
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** One named step: prints what begins and how long it took. */
export async function step(title, action) {
  const begin = Date.now()
  console.log(`\n▸ ${title}`)
  const code = await action()
  console.log(`  ${code === 0 ? 'done' : 'FAILED'} in ${((Date.now() - begin) / 1000).toFixed(1)} s`)
  return code
}

/** `npm ci`, only when needed. The development packages hold the compiler, so NODE_ENV=production may not omit them. */
export async function installDependencies() {
  if (dependenciesCurrent()) return 0
  const npm = process.env['npm_execpath']
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=5']
  return step('Installing npm packages (npm ci)', () =>
    npm === undefined ? run('npm', args) : run(process.execPath, [npm, ...args]),
  )
}

/** The bin file of a development package, started with this Node. */
export const tool = (...path) => [process.execPath, join(root, 'node_modules', ...path)]

/** `tsc -b`: incremental, about a second when nothing changed. `projects` empty: everything, tests included. */
export function build(projects = [], hear = undefined) {
  const [node, tsc] = tool('typescript', 'bin', 'tsc')
  const pretty = process.stdout.isTTY ? ['--pretty'] : []
  return run(node, [tsc, '-b', ...pretty, ...projects], { hear })
}

/** The looking glass into dist/web; nothing when it is newer than its sources. */
export async function buildPage() {
  const { buildWeb } = await import('../packages/looking-glass/scripts/build.mjs')
  const { compressed } = await buildWeb()
  console.log(`  ${(compressed / 1000).toFixed(0)} kB compressed`)
  return 0
}

/** True when `command` runs and exits 0. */
export const succeeds = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
