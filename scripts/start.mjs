/**
 * `npm start`: from a fresh clone to a running data centre. Installs and builds when needed, then hands over to
 * `starling lab demo` with every argument passed on, its terminal and its exit code. Plain Node, no dependencies.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build, buildPage, installDependencies, requireNode, root, step } from './steps.mjs'

requireNode()
if ((await installDependencies()) !== 0) process.exit(1)
if ((await step('Building', () => build(['packages/cli']))) !== 0) process.exit(1)
if ((await step('Looking glass', () => buildPage())) !== 0) process.exit(1)
console.log('')

const demo = spawn(
  process.execPath,
  [join(root, 'packages/cli/bin/starling.js'), 'lab', 'demo', ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
// The demo cleans up and then ends us through its exit. Ctrl-C reaches it from the terminal as well; asked twice it still
// ends once, and a SIGINT sent to us alone would otherwise reach nobody.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => demo.kill(signal))
demo.on('exit', (code) => process.exit(code ?? 1))
