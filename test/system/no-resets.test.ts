/**
 * Real daemons with real sessions on loopback addresses, and the cluster's state edited under them: what never costs a
 * session (design section 6), and that what does is counted and logged with the field that made it necessary.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { page } from '../support/places.js'
import { PROGRAM } from './support.js'

// Linux with its whole 127.0.0.0/8 on the loopback device; no namespaces, no privileges.
needs('ip')

const NAMES = ['n1', 'n2', 'n3'] as const
type Name = (typeof NAMES)[number]
const ADDRESS = { n1: '127.31.0.1', n2: '127.31.0.2', n3: '127.31.0.3' } as const
const PORT = 11790
const SECONDS = 60

interface Peer {
  readonly name: string
  readonly remoteAddress: string
  readonly state: string
  readonly established: number
  readonly flaps: number
}

let folder = ''
const children = new Map<Name, ChildProcess>()
const documents = new Map<string, object>()

const calico = (kind: string, name: string, spec: object) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
})

/** A resource written, replaced or (without spec) taken away; the whole file is one edit. */
function edit(...changes: readonly (readonly [kind: string, name: string, spec: object | undefined])[]): void {
  for (const [kind, name, spec] of changes)
    if (spec === undefined) documents.delete(`${kind}/${name}`)
    else documents.set(`${kind}/${name}`, calico(kind, name, spec))
  const text = [...documents.values()].map((document) => JSON.stringify(document)).join('\n---\n')
  writeFileSync(join(folder, 'cluster', 'cluster.yaml'), text)
}

function secret(key: string, value: string): void {
  mkdirSync(join(folder, 'secrets', 'bgp'), { recursive: true })
  writeFileSync(join(folder, 'secrets', 'bgp', key), value)
}

const get = (name: Name, path: string): Promise<string> => page(join(folder, `${name}.sock`), path)

const peers = async (name: Name): Promise<readonly Peer[]> =>
  (JSON.parse(await get(name, '/v1/peers?limit=100')) as { peers: Peer[] }).peers

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + SECONDS * 1000
  for (;;) {
    if (await done().catch(() => false)) return
    if (Date.now() > end) throw new Error(`not so after ${SECONDS} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** How often each session among the three has come up and gone down. */
async function lives(): Promise<readonly string[]> {
  const all = await Promise.all(
    NAMES.map(async (name) =>
      (await peers(name))
        .filter(({ remoteAddress }) => Object.values<string>(ADDRESS).includes(remoteAddress))
        .map((peer) => `${name} ${peer.remoteAddress} ${peer.state} up ${peer.established} down ${peer.flaps}`),
    ),
  )
  return all.flat().sort()
}

const generation = async (name: Name): Promise<number> =>
  Number(/^starling_config_generation(?:\{[^}]*\})? (\d+)/m.exec(await get(name, '/metrics'))?.[1])

/** Edits, and waits until all three have applied what came of it. */
async function applied(change: () => void, on: readonly Name[] = NAMES): Promise<void> {
  const before = new Map(await Promise.all(on.map(async (name) => [name, await generation(name)] as const)))
  change()
  await until('a new configuration everywhere', async () => {
    for (const name of on) if ((await generation(name)) <= (before.get(name) as number)) return false
    return true
  })
}

const resets = async (name: Name): Promise<string[]> =>
  (await get(name, '/metrics')).split('\n').filter((line) => line.startsWith('starling_session_resets_total{'))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-resets-'))
  mkdirSync(join(folder, 'cluster'))
  secret('other', 'one')
  edit(
    ...NAMES.map((name) => ['Node', name, { bgp: { ipv4Address: `${ADDRESS[name]}/8` } }] as const),
    ['BGPConfiguration', 'default', { listenPort: PORT, bindMode: 'NodeIP' }],
    ['IPPool', 'pods', { cidr: '10.244.0.0/16' }],
  )
  for (const name of NAMES) {
    const files = ['--datastore', `file:${join(folder, 'cluster')}`, '--secrets-dir', join(folder, 'secrets')]
    const args = ['node', '--name', name, ...files, '--fib', 'memory', '--control', join(folder, `${name}.sock`)]
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => writeFileSync(join(folder, `${name}.log`), chunk, { flag: 'a' }))
    children.set(name, child)
  }
  await until('six sessions', async () => (await lives()).filter((life) => life.includes(' Established ')).length === 6)
})

afterAll(() => {
  for (const child of children.values()) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const EXPLICIT = { node: 'n1', peerIP: ADDRESS.n2, asNumber: 64512 }
const OTHER = {
  node: 'n1',
  peerIP: '127.31.0.99',
  asNumber: 65001,
  password: { secretKeyRef: { name: 'bgp', key: 'other' } },
}
const rule = (cidr: string) => ({ importV4: [{ cidr, matchOperator: 'In', action: 'Reject' }] })
const communities = (value: string) => ({
  listenPort: PORT,
  bindMode: 'NodeIP',
  prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: [value] }],
})

test('what the protocol does not demand resets nothing', async () => {
  const before = await lives()
  expect(before).toHaveLength(6)

  await applied(() => edit(['BGPPeer', 'explicit', EXPLICIT]))
  const moved = (await peers('n1')).find(({ remoteAddress }) => remoteAddress === ADDRESS.n2)
  expect(moved?.name).toBe(`Node_127_31_0_2_port_${PORT}`)
  expect(await lives(), 'from the mesh to an explicit peering').toEqual(before)

  await applied(() => edit(['Node', 'n4', { bgp: { ipv4Address: '127.31.0.4/8' } }]))
  expect((await peers('n2')).map(({ remoteAddress }) => remoteAddress)).toContain('127.31.0.4')
  expect(await lives(), 'a node more').toEqual(before)

  await applied(() =>
    edit(['BGPFilter', 'f', rule('10.1.0.0/16')], ['BGPPeer', 'explicit', { ...EXPLICIT, filters: ['f'] }]),
  )
  await applied(() => edit(['BGPFilter', 'f', rule('10.2.0.0/16')]), ['n1', 'n2'])
  expect(await lives(), 'a filter').toEqual(before)

  await applied(() => edit(['BGPConfiguration', 'default', communities('64512:1')]))
  await applied(() => edit(['BGPConfiguration', 'default', communities('64512:300:2')]))
  expect(await lives(), 'a community').toEqual(before)

  await applied(() => edit(['BGPPeer', 'other', OTHER]), ['n1'])
  await applied(() => secret('other', 'two'), ['n1'])
  expect(await lives(), "another peer's password").toEqual(before)

  for (const name of NAMES) expect(await resets(name)).toEqual([])
})

test('a bad edit changes nothing and is told with its file and line', async () => {
  const before = await lives()
  const path = join(folder, 'cluster', 'cluster.yaml')
  const good = readFileSync(path, 'utf8')
  writeFileSync(path, good.replace('"127.31.0.2"', '"127.31.0.256"'))
  await until('a problem in the log', async () =>
    /cluster\.yaml:\d+.*peerIP/.test(readFileSync(join(folder, 'n1.log'), 'utf8')),
  )
  expect(await get('n1', '/v1/summary')).toMatch(/cluster\.yaml:\d+/)
  expect(await lives()).toEqual(before)
  writeFileSync(path, good)
  await until('no problem any more', async () => !(await get('n1', '/v1/summary')).includes('cluster.yaml:'))
  expect(await lives()).toEqual(before)
})

test('a necessary reset names its field in the log and in the metric, and touches one session', async () => {
  const others = (life: string) => !/^n[12] 127\.31\.0\.[12] /.test(life)
  const before = (await lives()).filter(others)
  await applied(() => edit(['BGPPeer', 'explicit', { ...EXPLICIT, ttlSecurity: 2 }]), ['n1', 'n2'])
  const back = `n1 ${ADDRESS.n2} Established up 2 down 1`
  await until('the session is back', async () => (await lives()).includes(back))
  expect((await lives()).filter(others)).toEqual(before)
  const counted = await Promise.all([resets('n1'), resets('n2')])
  // Whoever is told second may find its session gone already.
  expect(new Set(counted.flat())).toEqual(new Set(['starling_session_resets_total{field="ttlSecurity"} 1']))
  const logs = ['n1', 'n2'].map((name) => readFileSync(join(folder, `${name}.log`), 'utf8')).join('')
  expect(logs).toMatch(/SESSION_RESET.*ttlSecurity/)
  expect(await resets('n3')).toEqual([])
})
