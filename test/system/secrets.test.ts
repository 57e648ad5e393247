/**
 * Secrets stay inside: a node with an etcd password, an API token and a BGP password, asked for everything it can tell, over
 * every door, with its log at the finest level and a diagnostic report of Node.js written while it runs. None of the three
 * may be found anywhere. Its sockets belong to it alone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { needs } from '../support/needs.js'
import { PROGRAM, starling } from './support.js'

needs('root', 'ip')

const SECRETS = { ETCD_PASSWORD: 'owl-in-the-barn', STARLING_TOKEN: 'wren-under-ivy', bgp: 'swift-over-lake' } as const
const HTTP = '127.41.0.1:9379'
let folder = ''
let child: ChildProcess
let log = ''
const control = () => join(folder, 'node.sock')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-secrets-'))
  mkdirSync(join(folder, 'secrets/bgp'), { recursive: true })
  mkdirSync(join(folder, 'bird'))
  writeFileSync(join(folder, 'secrets/bgp/tor'), SECRETS.bgp)
  const documents = [
    { kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { listenPort: 11779, bindMode: 'NodeIP' } },
    { kind: 'Node', metadata: { name: 'n1' }, spec: { bgp: { ipv4Address: '127.41.0.1/24' } } },
    {
      kind: 'BGPPeer',
      metadata: { name: 'tor' },
      spec: { peerIP: '127.41.0.9', asNumber: 64601, password: { secretKeyRef: { name: 'bgp', key: 'tor' } } },
    },
  ]
  const text = documents.map((each) => JSON.stringify({ apiVersion: 'projectcalico.org/v3', ...each })).join('\n---\n')
  writeFileSync(join(folder, 'cluster.yaml'), text)
  const args = ['node', '--name', 'n1', '--datastore', `file:${join(folder, 'cluster.yaml')}`, '--fib', 'memory']
  const doors = ['--control', control(), '--http', HTTP, '--bird-ctl-dir', join(folder, 'bird')]
  const { bgp: _bgp, ...environment } = SECRETS
  child = spawn(
    process.execPath,
    [PROGRAM, ...args, ...doors, '--secrets-dir', join(folder, 'secrets'), '--log-level', 'debug'],
    {
      env: {
        ...process.env,
        ...environment,
        ETCD_USERNAME: 'starling',
        NODE_OPTIONS: `--report-on-signal --report-directory=${folder}`,
      },
    },
  )
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
  }
  await vi.waitUntil(() => log.includes('"listening"'), { timeout: 90_000, interval: 50 })
})
afterAll(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const found = (text: string): string[] => Object.values(SECRETS).filter((secret) => text.includes(secret))

test('the password is in use: without it the peer would be held down', async () => {
  const shown = async () => (await starling(['show', 'peers', '--control', control()])).out
  await expect.poll(shown).toMatch(/Global_127_41_0_9 .*(Connect|Active)/)
})

test('nothing that it answers holds a secret', async () => {
  const paths = [
    'summary',
    'peers',
    'routes',
    'kernel',
    'groups',
    'blocks',
    'nodes',
    'events',
    'peers/Global_127_41_0_9',
  ]
  const answers = [
    ...(await Promise.all(
      ['metrics', 'healthz', 'readyz', 'openapi.json', ...paths.map((path) => `v1/${path}`)].map(async (path) => {
        const controller = new AbortController()
        const answer = await fetch(`http://${HTTP}/${path}`, { signal: controller.signal })
        return answer.text()
      }),
    )),
    ...(await Promise.all(
      [['show'], ['show', 'peers', '-o', 'json'], ['show', 'events', '-o', 'json'], ['explain', '10.0.0.0/8']].map(
        async (words) => {
          const { out, err } = await starling([...words, '--control', control()])
          return out + err
        },
      ),
    )),
    (
      await starling([
        ...['plan', '--node', 'n1', '-o', 'json', '--datastore', `file:${join(folder, 'cluster.yaml')}`],
        ...['--secrets-dir', join(folder, 'secrets')],
      ])
    ).out,
  ]
  expect(answers.join('').length).toBeGreaterThan(5_000)
  expect(answers.flatMap(found)).toEqual([])
})

test('neither does its log', () => {
  expect(log.length).toBeGreaterThan(1_000)
  expect(found(log)).toEqual([])
})

test('neither does a diagnostic report: variables with secrets are gone from the environment by then', async () => {
  child.kill('SIGUSR2')
  const reports = () => readdirSync(folder).filter((name) => name.startsWith('report.'))
  await expect.poll(reports).toHaveLength(1)
  const report = () => readFileSync(join(folder, reports()[0] ?? ''), 'utf8')
  await expect.poll(() => report().includes('"sharedObjects"')).toBe(true)
  expect(report()).toContain('ETCD_USERNAME')
  expect(found(report())).toEqual([])
})

test('the token still works, and a wrong one does not', async () => {
  const act = (token: string) =>
    fetch(`http://${HTTP}/v1/reload`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    })
  expect([401, 403]).toContain((await act('magpie')).status)
  expect((await act(SECRETS.STARLING_TOKEN)).status).not.toBe(401)
})

test('sockets are for their owner and its group', () => {
  const modes = [control(), join(folder, 'bird/bird.ctl')].map((path) => (statSync(path).mode & 0o777).toString(8))
  expect(modes).toEqual(['660', '660'])
})
