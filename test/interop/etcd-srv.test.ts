/**
 * `ETCD_DISCOVERY_SRV` from the command line: members found by SRV records of a real name server, reached by their names
 * (calico.md 1.1). The resolver's configuration is the child's own, in a mount namespace.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Finished, finished, PROGRAM } from '../support/command.js'
import { needs } from '../support/needs.js'
import { freePort } from '../support/places.js'
import { serveNames } from './dns.js'
import { EtcdRig, TWO_NODES } from './etcd-rig.js'

needs('etcd', 'root')

const NAME_SERVER = '127.0.0.77'
const folder = mkdtempSync(join(tmpdir(), 'starling-etcd-srv-'))
const at = (name: string): string => join(folder, name)
let rig: EtcdRig
let stopNames: (() => void) | undefined

beforeAll(async () => {
  rig = await EtcdRig.start({})
  const members = rig.ports
  const dead = await freePort()
  stopNames = await serveNames(NAME_SERVER, {
    srv: {
      '_etcd-client._tcp.cluster.test': members.map((port) => ({ priority: 0, port, target: 'one.cluster.test' })),
      // The first choice is down.
      '_etcd-client._tcp.half.test': [
        ...members.map((port) => ({ priority: 10, port, target: 'one.cluster.test' })),
        { priority: 0, port: dead, target: 'one.cluster.test' },
      ],
      '_etcd-client._tcp.down.test': [{ priority: 0, port: dead, target: 'one.cluster.test' }],
    },
    a: { 'one.cluster.test': '127.0.0.1' },
  })
  writeFileSync(at('resolv.conf'), `nameserver ${NAME_SERVER}\noptions timeout:2 attempts:2\n`)
  writeFileSync(at('cluster.yaml'), TWO_NODES)
})

afterAll(async () => {
  stopNames?.()
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

function starling(environment: Record<string, string>, ...args: string[]): Promise<Finished> {
  const script = `mount --bind ${at('resolv.conf')} /etc/resolv.conf && exec "$@"`
  const command = ['-m', 'sh', '-c', script, 'sh', process.execPath, PROGRAM, ...args]
  return finished(spawn('unshare', command, { env: { PATH: process.env['PATH'] ?? '', ...environment } }))
}

it('finds the members by their records, and writes and plans through them', async () => {
  const env = { ETCD_DISCOVERY_SRV: 'cluster.test' }
  const applied = await starling(env, 'apply', at('cluster.yaml'), '--datastore', 'etcd')
  expect(applied, applied.err).toMatchObject({ code: 0, out: 'Node/w1 created\nNode/w2 created\n' })
  expect(rig.ctl(['get', '--prefix', '--keys-only', '/calico/'])).toContain('/nodes/w2')
  // The variable alone means etcd, under either name.
  const planned = await starling({ CALICO_ETCD_DISCOVERY_SRV: 'cluster.test' }, 'plan', '--node', 'w1', '-o', 'json')
  expect(planned.code, planned.err).toBe(0)
  expect(JSON.parse(planned.out).peers.map((peer: { name: string }) => peer.name)).toEqual(['Mesh_10_0_0_2'])
})

it('goes on to the next member where the first is down', async () => {
  const { code, out, err } = await starling({ ETCD_DISCOVERY_SRV: 'half.test' }, 'plan', '--node', 'w1')
  expect(code, err).toBe(0)
  expect(out).toContain('Mesh_10_0_0_2')
})

it.each([
  ['nothing.test', /no etcd-client SRV records for nothing\.test: .*ENOTFOUND/],
  ['down.test', /connect|unavailable|refused/i],
])('%s ends the command with the reason', async (domain, words) => {
  const { code, err } = await starling({ ETCD_DISCOVERY_SRV: domain }, 'plan', '--node', 'w1')
  // The datastore could not be reached.
  expect(code).toBe(3)
  expect(err).toMatch(words)
})
