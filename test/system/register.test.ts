/**
 * Address detection in a network namespace with real interfaces and a real routing table (calico.md 5.2): every method, in
 * both families.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { PROGRAM } from './support.js'

needs('ip', 'root')

const folder = mkdtempSync(join(tmpdir(), 'starling-register-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Two uplinks, a spare one that is down, a bridge of Docker's, and routes by which one uplink leads to one network and the other to the rest. */
const HOST = `
set -e
ip link set lo up
for each in eth5 eth6 docker0; do ip link add $each type veth peer name veth-$each; ip link set $each up; ip link set veth-$each up; done
ip addr add 10.5.0.7/24 dev eth5
ip addr add fd00:5::7/64 dev eth5 nodad
ip addr add 10.6.0.7/20 dev eth6
ip addr add fd00:6::7/48 dev eth6 nodad
ip addr add 172.17.0.1/16 dev docker0
ip addr add fd00:17::1/64 dev docker0 nodad
ip link add spare7 type veth peer name veth-spare7
ip addr add 10.7.0.7/24 dev spare7
ip route add default via 10.6.0.1
ip route add 198.51.100.0/24 via 10.5.0.1
ip -6 route add default via fd00:6::1
ip -6 route add 2001:db8:5::/48 via fd00:5::1
`

function register(environment: Record<string, string>) {
  const script = join(folder, 'host.sh')
  writeFileSync(script, `${HOST}\nexec "$@"\n`)
  const args = ['-n', 'sh', script, process.execPath, PROGRAM, 'register', '--datastore', 'memory']
  const env = {
    PATH: process.env['PATH'] ?? '',
    NODENAME: 'here',
    NO_DEFAULT_POOLS: 'true',
    CALICO_NODENAME_FILE: join(folder, 'nodename'),
    ...environment,
  }
  const { status, stdout, stderr } = spawnSync('unshare', args, { env, encoding: 'utf8' })
  return { code: status, first: stdout.split('\n', 1)[0], err: stderr }
}

describe('register on a host with two uplinks', () => {
  const rows: [method: string, four: string, six: string][] = [
    // Up or down: the highest index comes first.
    ['first-found', '10.7.0.7/24', 'fd00:6::7/48'],
    ['interface=eth5', '10.5.0.7/24', 'fd00:5::7/64'],
    ['interface=docker.*', '172.17.0.1/16', 'fd00:17::1/64'],
    ['skip-interface=spare.*', '10.6.0.7/20', 'fd00:6::7/48'],
    ['interface=(?i)^ETH[[:digit:]]$,\\Adocker', '172.17.0.1/16', 'fd00:17::1/64'],
    ['skip-interface=(?i:ETH6),\\Aspare', '10.5.0.7/24', 'fd00:5::7/64'],
    ['skip-interface=eth6,^spare', '10.5.0.7/24', 'fd00:5::7/64'],
    ['cidr=10.5.0.0/16,fd00:5::/32', '10.5.0.7/24', 'fd00:5::7/64'],
  ]
  test.each(rows)('%s finds %s and %s', (method, four, six) => {
    const both = {
      IP: 'autodetect',
      IP6: 'autodetect',
      IP_AUTODETECTION_METHOD: method,
      IP6_AUTODETECTION_METHOD: method,
    }
    const { code, first, err } = register(both)
    expect(first, err).toBe(`Node here has ${four} and ${six}`)
    expect(code).toBe(0)
  })

  test.each([
    ['198.51.100.9', '2001:db8:5::9', '10.5.0.7/24', 'fd00:5::7/64'],
    ['192.0.2.1', '2001:db8:9::1', '10.6.0.7/20', 'fd00:6::7/48'],
  ])('can-reach=%s and %s follows the routes', (target4, target6, four, six) => {
    const { first, err } = register({
      IP: 'autodetect',
      IP6: 'autodetect',
      IP_AUTODETECTION_METHOD: `can-reach=${target4}`,
      IP6_AUTODETECTION_METHOD: `can-reach=${target6}`,
    })
    expect(first, err).toBe(`Node here has ${four} and ${six}`)
  })

  test('what is not found, or not known, is said and ends it', () => {
    const lost = register({ IP: 'none', IP6: 'autodetect', IP6_AUTODETECTION_METHOD: 'interface=ens.*' })
    expect(lost).toMatchObject({ code: 1, err: 'starling: no ipv6 address found by method interface=ens.*\n' })
    const nobody = register({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip' })
    expect(nobody.err).toContain('the datastore has no Kubernetes Node here')
    expect(nobody.err).toContain('the Kubernetes API is not asked')
    const foreign = register({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'interface=(?!docker).*' })
    expect(foreign.err).toContain('not a regular expression of Go: invalid or unsupported Perl syntax: (?!')
    const unknown = register({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'last-found' })
    expect(unknown.code).not.toBe(0)
    expect(unknown.err).toContain('unknown method "last-found"')
  })
})

test.each([
  ['--claim-block', 'put a BlockAffinity document (spec.node: w1'],
  ['--node-status', 'leave the option out'],
])('a node with %s on a datastore of files is refused at its start, with what to do', (option, advice) => {
  const path = join(folder, 'cluster.yaml')
  writeFileSync(path, 'apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: w1}\nspec: {}\n')
  const args = ['node', '--name', 'w1', option, '--datastore', `file:${path}`, '--fib', 'memory', '--no-control']
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', timeout: 60_000 })
  expect(status).toBe(1)
  expect(stderr).toContain('is read-only: use etcd')
  expect(stderr).toContain(advice)
})
