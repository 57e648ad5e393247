/**
 * What ships, run where nothing of this repository is: each bundle copied to an empty folder, and the tarballs of `npm pack`
 * installed into one. The folders are made anew here, from the sources as they are.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { bundle } from '../../scripts/bundle.mjs'
import { allowed, billOfMaterials, licences } from '../../scripts/sbom.mjs'
import { needs } from '../support/needs.js'
import { freePort } from '../support/places.js'

needs('netns')

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'starling-packaging-'))
const made = {} as Record<'node' | 'reflector' | 'cli', Awaited<ReturnType<typeof bundle>>>
const children: ChildProcess[] = []

/** No NODE_PATH, no npm settings of the run that started us. */
const environment = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? folder, NO_COLOR: '1' }

beforeAll(async () => {
  await import('../../packages/looking-glass/scripts/build.mjs').then(({ buildWeb }) => buildWeb())
  for (const product of ['node', 'reflector', 'cli'] as const)
    made[product] = await bundle(product, join(folder, product))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function empty(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: environment, encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

const program = (product: 'node' | 'reflector' | 'cli') => join(made[product].folder, 'starling.js')
const starling = (product: 'node' | 'reflector' | 'cli', ...args: string[]) =>
  run(process.execPath, [program(product), ...args], folder)

/** Starts a daemon and resolves with its log when a line matches. */
function started(command: readonly string[], line: RegExp): Promise<string> {
  const [name = '', ...args] = command
  const child = spawn(name, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return new Promise((resolve, reject) => {
    let log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (line.test(log)) resolve(log)
      })
    }
    child.once('exit', (code) => reject(new Error(`exit ${code} before ${line}: ${log}`)))
  })
}

const REFLECTOR = ['--as', '65000', '--router-id', '127.0.0.1', '--accept', '127.0.0.0/8', '--no-control']

test('the reflector starts and listens at once', async () => {
  const port = await freePort()
  const begin = performance.now()
  const command = [process.execPath, program('reflector'), 'reflector', ...REFLECTOR, '--listen', `127.0.0.1:${port}`]
  await started(command, /"listening"/)
  const milliseconds = performance.now() - begin
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
  console.log(`starling reflector: ${milliseconds.toFixed(0)} ms to listening`)
  // A quarter of a second where nothing else runs; a slow one, with many tests at once, gets fifteen.
  expect(milliseconds).toBeLessThan(15_000)
})

test('the reflector holds no code that could write a kernel route, and says so', () => {
  const kernel = made.reflector.inputs.filter((path) =>
    /route-programmer\/src\/netlink|packages\/(netlink|lab)\//.test(path),
  )
  expect(kernel).toEqual([])
  expect(made.node.inputs.some((path) => path.includes('route-programmer/src/netlink'))).toBe(true)
  expect(starling('reflector', 'node')).toMatchObject({ status: 1, err: expect.stringContaining('has no "node"') })
})

test('a node in a namespace of its own programs its kernel through the shipped worker', async () => {
  const cluster = join(empty('cluster'), 'cluster.yaml')
  writeFileSync(
    cluster,
    `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: n1 }
spec: { bgp: { ipv4Address: 10.0.0.1/24 } }
`,
  )
  const control = join(folder, 'node.sock')
  const daemon = ['node', '--name', 'n1', '--datastore', `file:${cluster}`, '--control', control]
  await started(['unshare', '-n', process.execPath, program('node'), ...daemon], /"listening"/)
  const kernel = starling('node', 'show', 'kernel', '--control', control)
  expect(kernel).toMatchObject({ status: 0, err: '', out: expect.stringContaining('installed') })
  expect(readdirSync(join(made.node.folder, 'lib'))).toEqual(expect.arrayContaining(['netlink-worker.js', 'worker.js']))
})

test('the whole command runs: help of every command, the page, the topologies', () => {
  expect(starling('cli', '--version')).toMatchObject({ status: 0, out: '0.1.0\n', err: '' })
  // An image calls it by its name.
  expect(run(program('cli'), ['--version'], folder)).toMatchObject({ status: 0, out: '0.1.0\n' })
  const commands = [...starling('cli', '--help').out.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name as string)
  expect(commands).toEqual(expect.arrayContaining(['node', 'reflector', 'lab', 'decode', 'doctor']))
  for (const name of commands.filter((each) => each !== 'help'))
    expect(starling('cli', name, '--help').status, name).toBe(0)
  expect(existsSync(join(made.cli.folder, 'dist/web/index.html'))).toBe(true)
  expect(existsSync(join(made.cli.folder, 'topology/demo.yaml'))).toBe(true)
})

function pack(from: string): string {
  const { status, out, err } = run('npm', ['pack', '--json', '--pack-destination', folder], from)
  expect(err, err).not.toMatch(/npm error/)
  expect(status).toBe(0)
  return join(folder, (JSON.parse(out) as [{ filename: string }])[0].filename.replace('@', '').replace('/', '-'))
}

test('the tarball of the command installs into an empty folder with one dependency', () => {
  const tarball = pack(made.cli.folder)
  const there = empty('install-cli')
  const installed = run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], there)
  expect(installed, installed.err).toMatchObject({ status: 0 })
  expect(run(join(there, 'node_modules/.bin/starling'), ['version'], there)).toMatchObject({ status: 0, err: '' })
  expect(readdirSync(join(there, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(
    expect.arrayContaining(['@koromix', '@starling', 'koffi']),
  )
  expect(JSON.parse(readFileSync(join(made.cli.folder, 'package.json'), 'utf8')).dependencies).toEqual({
    koffi: '3.3.4',
  })
  const topology = run(join(there, 'node_modules/.bin/starling'), ['lab', 'demo', 'nowhere'], there)
  expect(topology.err + topology.out).toContain(join('node_modules', '@starling', 'cli', 'topology'))
})

test('the tarball of bgp-packet installs into an empty folder without a network', () => {
  const tarball = pack(join(ROOT, 'packages/bgp-packet'))
  const there = empty('install-packet')
  const installed = run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], there)
  expect(installed, installed.err).toMatchObject({ status: 0 })
  writeFileSync(
    join(there, 'try.mjs'),
    `import { decodeMessage, KEEPALIVE } from '@starling/bgp-packet'
console.log(decodeMessage(KEEPALIVE, { as4: true, ibgp: false }).message.type)
`,
  )
  expect(run(process.execPath, ['try.mjs'], there)).toMatchObject({
    status: 0,
    err: '',
    out: expect.stringMatching(/4|KEEPALIVE/),
  })
})

test('every bundle carries the licence of everything inside, and all of them are permissive', () => {
  const listed = licences(billOfMaterials())
  expect(listed.length).toBeGreaterThan(50)
  expect(listed.filter(({ licence }) => !allowed(licence))).toEqual([])
  expect(allowed('GPL-3.0-only')).toBe(false)
  expect(allowed('(MIT OR GPL-2.0)')).toBe(true)
  for (const { folder: path, packages } of Object.values(made)) {
    const notices = readFileSync(join(path, 'THIRD-PARTY.txt'), 'utf8')
    for (const { name, version } of packages) expect(notices).toContain(`${name} ${version} (`)
    expect(packages.filter(({ license }) => !allowed(license))).toEqual([])
  }
})
