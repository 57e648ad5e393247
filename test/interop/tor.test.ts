/**
 * The recipes of docs/tor.md, as they stand there: our node and a router started with them, password, GTSM, BFD and all,
 * then a drain under the router's eyes and a silent cut.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PROGRAM, words } from '../support/command.js'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { recipe } from './support/recipes.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const PREFIX = '10.96.0.0/16'

const CLUSTER = `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: n11 }
spec: { bgp: { ipv4Address: 192.0.2.11/24, asNumber: 64512 } }
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { nodeToNodeMeshEnabled: false, serviceClusterIPs: [{ cidr: ${PREFIX} }] }
---
`

let far: FarSide
let folder = ''
let node: ChildProcess | undefined
let log = ''

/** `starling ...` towards the node; what it prints. */
const ask = (...args: string[]): Promise<string> => words(...args, '--control', join(folder, 'ctl.sock'))

beforeAll(() => {
  far = new FarSide(['192.0.2.11/24'], ['192.0.2.1/24'])
  far.ip('address add 198.51.100.1/32 dev lo')
  folder = mkdtempSync(join(tmpdir(), 'starling-tor-'))
  mkdirSync(join(folder, 'cluster'))
  mkdirSync(join(folder, 'secrets', 'tor'), { recursive: true })
  writeFileSync(join(folder, 'secrets', 'tor', 'password'), 's3cret')
})

async function startNode(multihop: boolean): Promise<void> {
  const ours = recipe('starling')
  const known = ours.replace('"multiplier": 3', '"multiplier": 3, "multihop": true')
  expect(known).not.toBe(ours)
  writeFileSync(join(folder, 'cluster', 'cluster.yaml'), CLUSTER + (multihop ? known : ours))
  const files = ['--datastore', `file:${join(folder, 'cluster')}`, '--secrets-dir', join(folder, 'secrets')]
  const args = ['node', '--name', 'n11', ...files, '--fib', 'memory', '--control', join(folder, 'ctl.sock')]
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  node = child
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
  await eventually('the session is up', async () => /Established/.test(await ask('show', 'peers')), {
    state: () => log.slice(-4_000),
  })
}

afterEach(async () => {
  const child = node
  node = undefined
  if (child !== undefined) {
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    await ended
  }
  await stopAll()
  far.heal()
})
afterAll(() => {
  far.remove()
  rmSync(folder, { recursive: true, force: true })
})

interface Router {
  shows(command: string, pattern: RegExp, limit?: number): Promise<string>
}

const ROUTERS: readonly [name: string, start: () => Promise<Router>, says: Record<string, [string, RegExp]>][] = [
  [
    'BIRD',
    async () => {
      const bird = await far.bird(recipe('bird'))
      later(bird)
      return bird
    },
    {
      route: [`show route ${PREFIX}`, /unicast/],
      marked: [`show route ${PREFIX} all`, /\(65535,0\)/],
      gone: ['show route', /^(?![\s\S]*10\.96)/],
      bfd: ['show bfd sessions', /192\.0\.2\.11\s+far0\s+Up\s+\S+\s+0\.1\d\d\s+0\.3/],
    },
  ],
  [
    'FRR',
    async () => {
      const frr = await far.frr(recipe('frr'))
      later(frr)
      return frr
    },
    {
      route: [`show bgp ipv4 unicast ${PREFIX}`, /192\.0\.2\.11/],
      marked: [`show bgp ipv4 unicast ${PREFIX}`, /localpref 0[\s\S]*graceful-shutdown/],
      gone: [`show bgp ipv4 unicast ${PREFIX}`, /not in table/],
      bfd: ['show bfd peers brief', /192\.0\.2\.11\s+up/],
    },
  ],
]

describe.each(ROUTERS)('the recipe for %s', (name, start, says) => {
  it('gives a session with BFD, a drain that is seen, and a cut that is noticed at once', async () => {
    const router = await start()
    await startNode(name === 'FRR')
    const look = (what: string, limit?: number) => router.shows(...(says[what] as [string, RegExp]), limit)
    await look('route')
    await look('bfd')
    await eventually('BFD is up here', async () => /\bUp\b.*100 ms.*300 ms/.test(await ask('show', 'bfd')))
    await eventually('its route is here', async () => /198\.51\.100\.1\/32/.test(await ask('show', 'routes')))

    // Called off when all has been seen, so that no time is too short for it; then once more to its end.
    const marking = ask('drain', '--timeout', '300', '--reason', 'new kernel')
    await look('marked')
    expect(await ask('health')).toMatch(/draining: new kernel/)
    await ask('undrain')
    await marking
    expect(await ask('drain', '--timeout', '1', '--reason', 'new kernel')).toMatch(/nothing is announced any more/)
    await look('gone')
    // On a machine that stands still for 300 ms the recipe's BFD ends it for a moment; drain.test.ts counts its ends.
    await eventually('the session is there', async () => /Established/.test(await ask('show', 'peers')))
    expect(await ask('undrain')).toMatch(/announced again/)
    await look('route')

    far.cut()
    const begin = performance.now()
    await eventually('the session is gone', async () => /BFD went down/.test(await ask('show', 'peers')))
    // Below the hold time of 9 s, though most of it is the command's own start.
    expect(performance.now() - begin).toBeLessThan(9_000)
    expect(await ask('show', 'routes')).not.toMatch(/198\.51\.100\.1\/32/)
  })
})
