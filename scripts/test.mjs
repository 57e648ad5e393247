/**
 * `npm test`: everything this machine can check, from a fresh clone. Installs npm packages, builds, brings missing
 * Debian packages when it may, then formatter and linter, types, and the vitest projects in the order of
 * vitest.config.ts. A suite whose needs are not met is left out and named with what it lacks; with CI=true it runs
 * and fails instead. `npm test -- unit tidy` runs only those projects. Ends with `N passed, N failed`.
 * Plain Node, no dependencies.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { canInstall, install } from './debian.mjs'
import { node24 } from './node24.mjs'
import { lacking, packagesFor, suitesUnder } from './requirements.mjs'
import { build, buildPage, installDependencies, requireNode, root, run, step, tool } from './steps.mjs'

const ci = process.env['CI'] === 'true'
const begin = Date.now()
const totals = { passed: 0, failed: 0, skipped: 0 }
const failures = []
/** Suites that cannot run here. */
let left = []

requireNode()
// Daemons live in sbin; the suites call them by name.
process.env['PATH'] = `${process.env['PATH']}:/usr/sbin:/sbin`

if ((await installDependencies()) !== 0) finish('npm ci failed')

const only = process.argv.slice(2)
const projects = projectNames().filter((name) => only.length === 0 || only.includes(name))
const suites = suitesUnder(join(root, 'test'))
await bringPackages([...new Set(suites.flatMap(({ needs }) => needs))])
left = ci ? [] : suites.filter(({ needs }) => needs.some((name) => lacking(name).length > 0))

if (only.length === 0) await check('Format and lint (biome)', () => lint())
await check('Types and build (tsc)', () => build())
await check('Looking glass', () => buildPage())
for (const project of projects) await runProject(project)
if (only.length === 0) await underNode24(['unit', 'simulation'])
finish()

/** One check that is not a vitest project counts as one test. */
async function check(title, action) {
  const code = await step(title, action)
  if (code === 0) totals.passed++
  else {
    totals.failed++
    failures.push(title)
  }
}

function lint() {
  const [node, biome] = tool('@biomejs', 'biome', 'bin', 'biome')
  return run(node, [biome, 'check', '.'])
}

/** Pure parts once more under the Node of production images. */
async function underNode24(names) {
  const binary = await node24()
  if (binary === undefined) {
    if (ci) finish('Node 24 could not be installed from the npm registry')
    totals.skipped++
    console.log(`skipped ${names.join(' and ')} under Node 24: the npm registry did not give it`)
    return
  }
  for (const name of names) await runProject(name, binary)
}

async function runProject(project, binary = process.execPath) {
  const title = binary === process.execPath ? project : `${project} under Node 24`
  const report = join(root, '.cache', `test-${project}.json`)
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(report, { force: true })
  const [, vitest] = tool('vitest', 'vitest.mjs')
  const excluded = left.flatMap(({ file }) => ['--exclude', relative(root, file)])
  const code = await step(`Tests: ${title}`, () =>
    run(binary, [
      vitest,
      'run',
      ...['--project', project, '--passWithNoTests', ...excluded],
      ...['--reporter', 'default', '--reporter', 'json', '--outputFile.json', report],
    ]),
  )
  const result = read(report)
  const passed = result?.numPassedTests ?? 0
  const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0)
  let failed = result?.numFailedTests ?? 0
  // A file that broke while loading has no tests to fail; an error outside of tests shows in the exit code alone.
  failed +=
    result?.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length ?? 0
  if (code !== 0 && failed === 0) failed = 1
  if (ci) failed += skipped
  totals.passed += passed
  totals.failed += failed
  totals.skipped += skipped
  if (failed > 0) failures.push(`${title} (${failed})`)
}

/** Installs what the suites need and the machine lacks, when allowed. */
async function bringPackages(needs) {
  const packages = packagesFor(needs)
  if (packages.length === 0 || !canInstall()) return
  const code = await step(`Installing Debian packages: ${packages.join(' ')}`, () => install(packages))
  if (code !== 0) console.log('  some packages could not be installed; the suites that need them are named below')
}

/** The vitest projects in the order of their configuration. */
function projectNames() {
  const source = readFileSync(join(root, 'vitest.config.ts'), 'utf8')
  const names = [...source.matchAll(/^ {2}(\w+): \{ include:/gm)].map((match) => match[1])
  if (names.length === 0) throw new Error('no project found in vitest.config.ts')
  return names
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function finish(broken) {
  if (broken !== undefined) {
    totals.failed++
    failures.push(broken)
  }
  console.log('')
  for (const { file, needs } of left) {
    totals.skipped++
    console.log(`skipped ${relative(root, file)}: lacks ${needs.flatMap((name) => lacking(name)).join(', ')}`)
  }
  if (failures.length > 0) console.log(`failed: ${failures.join('; ')}`)
  console.log(`took ${((Date.now() - begin) / 1000).toFixed(0)} s`)
  console.log(
    `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
  )
  process.exit(totals.failed > 0 ? 1 : 0)
}
