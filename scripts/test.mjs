/**
 * `npm test`: everything this machine can check, from a fresh clone. Installs npm packages, builds, brings missing
 * Debian packages when it may, then formatter and linter, types, and the vitest projects in the order of
 * vitest.config.ts. A suite whose needs are not met is left out and named with what it lacks; with CI=true it runs
 * and fails instead. `npm test -- unit tidy` runs only those projects. Ends with what failed, by name, and `N passed, N failed`.
 * Plain Node, no dependencies.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { canInstall, install } from './debian.mjs'
import { lastWords, ofCompiler, ofLint, ofTests } from './findings.mjs'
import { node24 } from './node24.mjs'
import { merged, tally, worthAnotherTry } from './reports.mjs'
import { lacking, packagesFor, suitesUnder } from './requirements.mjs'
import { build, buildPage, installDependencies, requireNode, root, run, step, tool } from './steps.mjs'

const ci = process.env['CI'] === 'true'
const begin = Date.now()
const totals = { passed: 0, failed: 0, skipped: 0 }
/** Steps that failed, each with the lines that name what. */
const failures = []
/** What failed first and passed alone. */
const unsteady = []
/** Layers whose tests wait for real daemons, kernels and browsers: docs/decisions/0007-second-try.md. */
const REAL_TIME = ['interop', 'kernel', 'web', 'system']
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

if (only.length === 0) await check('Format and lint (biome)', lint)
await check('Types and build (tsc)', types)
await check('Looking glass', async () => ({ code: await buildPage(), lines: [] }))
for (const project of projects) await runProject(project)
if (only.length === 0) await underNode24(['unit', 'simulation'])
finish()

/** One check that is not a vitest project counts as one test. It answers with its exit code and the lines to repeat. */
async function check(title, action) {
  let lines = []
  const code = await step(title, async () => {
    const result = await action()
    lines = result.lines
    return result.code
  })
  if (code === 0) totals.passed++
  else {
    totals.failed++
    failures.push({ title, lines })
  }
}

async function lint() {
  const [node, biome] = tool('@biomejs', 'biome', 'bin', 'biome')
  const report = cached('lint.json')
  const reporters = ['--reporter', 'default', '--reporter', 'gitlab', '--reporter-file', report]
  const code = await run(node, [biome, 'check', '.', ...reporters])
  return { code, lines: code === 0 ? [] : ofLint(textOf(report)) }
}

async function types() {
  let told = ''
  const code = await build([], (text) => {
    told += text
  })
  return { code, lines: ofCompiler(told) }
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
  let { code, report } = await vitest(`Tests: ${title}`, project, binary, [])
  const again = REAL_TIME.includes(project) ? worthAnotherTry(report, code) : []
  if (again.length > 0) {
    const files = again.map((file) => relative(root, file))
    const second = await vitest(`Tests: ${title}, once more and alone: ${files.join(', ')}`, project, binary, [
      '--maxWorkers=1',
      ...files,
    ])
    if (second.report !== undefined) {
      if (second.code === 0) unsteady.push(...ofTests(report, { root, skips: false, code }))
      code = second.code
      report = merged(report, second.report)
    }
  }
  const { passed, failed, skipped } = tally(report, code)
  totals.passed += passed
  totals.skipped += skipped
  const bad = ci ? failed + skipped : failed
  totals.failed += bad
  if (bad > 0) failures.push({ title: `${title} (${bad})`, lines: ofTests(report, { root, skips: ci, code }) })
}

/** One run of vitest: its exit code and its report. */
async function vitest(title, project, binary, more) {
  const file = cached(`test-${project}.json`)
  const [, command] = tool('vitest', 'vitest.mjs')
  const excluded = left.flatMap(({ file: suite }) => ['--exclude', relative(root, suite)])
  const code = await step(title, () =>
    run(binary, [
      command,
      'run',
      ...['--project', project, '--passWithNoTests', ...excluded],
      ...['--reporter', 'default', '--reporter', 'json', '--outputFile.json', file],
      ...more,
    ]),
  )
  return { code, report: parsed(textOf(file)) }
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

/** A file for a report, with nothing of an earlier run in it. */
function cached(name) {
  const file = join(root, '.cache', name)
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(file, { force: true })
  return file
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function finish(broken) {
  if (broken !== undefined) {
    totals.failed++
    failures.push({ title: broken, lines: [] })
  }
  console.log('')
  for (const { file, needs } of left) {
    totals.skipped++
    console.log(`skipped ${relative(root, file)}: lacks ${needs.flatMap((name) => lacking(name)).join(', ')}`)
  }
  for (const line of unsteady) console.log(`unsteady, passed at the second try: ${line}`)
  for (const line of lastWords(failures)) console.log(line)
  console.log(`took ${((Date.now() - begin) / 1000).toFixed(0)} s`)
  console.log(
    `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
  )
  process.exit(totals.failed > 0 ? 1 : 0)
}
