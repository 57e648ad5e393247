/** The convergence check: nothing missing in a good view, and the right words for each thing that can be missing. */
import { describe, expect, test } from 'vitest'
import { parseTopology } from '../topology/parse.js'
import { planLab } from '../topology/plan.js'
import { type DeviceView, expectedPeers, type LabView, missing, peerAt, tally } from './converge.js'

const plan = planLab(
  parseTopology(
    't.yaml',
    `name: t
racks: [{ name: core, subnet: 10.0.0.0/24 }, { name: r1, subnet: 10.0.1.0/24 }]
tors: [{ name: tor, as: 64601, racks: [core, r1] }]
reflectors: [{ name: rr, rack: core }]
nodes: [{ name: a, rack: r1 }, { name: b, rack: r1 }]
`,
  ),
)
const BLOCKS: Record<string, string> = { a: '10.244.0.0/26', b: '10.244.0.64/26' }

function device(name: string): DeviceView {
  const found = plan.devices.find((each) => each.name === name)!
  return {
    plan: found,
    ended: '',
    log: `${name}.log`,
    daemon: {
      answers: true,
      peers: expectedPeers(plan, name).map(({ address }) => ({
        address,
        state: 'Established',
        reason: '',
        ageSeconds: 1,
        received: 1,
        sent: 1,
      })),
    },
    blocks: found.role === 'node' ? [BLOCKS[name]!] : [],
    kernel:
      found.role === 'reflector'
        ? undefined
        : Object.entries(BLOCKS).map(([owner, prefix]) => ({
            prefix,
            protocol: 12,
            type: owner === name ? ('blackhole' as const) : ('unicast' as const),
          })),
    cut: false,
  }
}

const PODS = [
  { name: 'a-p1', node: 'a', address: '10.244.0.1' },
  { name: 'b-p1', node: 'b', address: '10.244.0.65' },
]
const good: LabView = {
  devices: plan.devices.map(({ name }) => device(name)),
  pods: PODS,
  pings: [
    { from: 'a-p1', to: 'b-p1', family: 4, milliseconds: 0.1 },
    { from: 'b-p1', to: 'a-p1', family: 4, milliseconds: 0.1 },
  ],
  trouble: '',
  hasPods: true,
}

const change = (name: string, how: (device: DeviceView) => Partial<DeviceView>): LabView => ({
  ...good,
  devices: good.devices.map((each) => (each.plan.name === name ? { ...each, ...how(each) } : each)),
})

describe('missing', () => {
  test('a good view lacks nothing', () => {
    expect(missing(plan, good)).toEqual([])
  })

  test('a neighbour that is not found yet is named by its interface, with the daemon’s own words', () => {
    const peer = { state: 'Active', reason: 'interface eth1 has no carrier', ageSeconds: 1, received: 0, sent: 0 }
    const daemon = { answers: true, peers: [{ ...peer, address: '%eth1' }] } as const
    const [waiting] = change('a', () => ({ daemon })).devices.filter((each) => each.plan.name === 'a')
    expect(peerAt(waiting!, 'fe80::1%eth1')).toMatchObject(peer)
    expect(peerAt(waiting!, 'fe80::1%eth0')).toBeUndefined()
  })

  test('without namespaces no pod and no ping is expected', () => {
    expect(missing(plan, { ...good, pods: [], pings: [], hasPods: false })).toEqual([])
  })

  test.each<[string, LabView, string[]]>([
    [
      'pods that cannot be connected',
      { ...good, trouble: 'the datastore does not answer' },
      ['pods: the datastore does not answer'],
    ],
    ['a process that ended', change('a', () => ({ ended: 'SIGKILL' })), ['a: its process ended (SIGKILL); see a.log']],
    [
      'a daemon that does not answer',
      change('rr', () => ({ daemon: { answers: false, reason: 'not listening' } })),
      ['rr: not listening; see rr.log'],
    ],
    [
      'a session that is down, with its reason',
      change('a', ({ daemon }) => ({
        daemon: {
          answers: true,
          peers: daemon.answers
            ? daemon.peers.map((peer) =>
                peer.address === '10.0.0.10' ? { ...peer, state: 'Active', reason: 'connection refused' } : peer,
              )
            : [],
        },
      })),
      ['a to rr (10.0.0.10): Active, connection refused'],
    ],
    [
      'a session nobody configured',
      change('rr', () => ({ daemon: { answers: true, peers: [] } })),
      ['rr to a (10.0.1.11): not configured', 'rr to b (10.0.1.12): not configured'],
    ],
    [
      'a route that is not there',
      change('tor', ({ kernel = [] }) => ({ kernel: kernel.slice(1) })),
      ['tor: no route to 10.244.0.0/26 of a'],
    ],
    [
      'a route of another owner',
      change('a', ({ kernel = [] }) => ({ kernel: kernel.map((route) => ({ ...route, protocol: 4 })) })),
      ['a: no blackhole for its own 10.244.0.0/26', 'a: no route to 10.244.0.64/26 of b'],
    ],
    ['a pod that is not up', { ...good, pods: PODS.slice(1), pings: [] }, ['a: pod a-p1 not up']],
    ['pings that were not sent', { ...good, pings: [] }, ['pings: not all sent yet']],
    [
      'a ping without answer',
      { ...good, pings: [{ from: 'a-p1', to: 'b-p1', family: 4, milliseconds: undefined }, good.pings[1]!] },
      ['a-p1 to b-p1: no answer to ping'],
    ],
  ])('names %s', (_what, view, words) => {
    expect(missing(plan, view)).toEqual(words)
  })

  test('with an IPv6 pool a block and a ping of each family is expected', () => {
    const dual = { ...plan, topology: { ...plan.topology, pools: [{ cidr: 'fd00::/112', blockSize: 122 }] } }
    const words = missing(dual, good)
    expect(words).toContain('a: no IPv6 block claimed')
    expect(words).toContain('pings: not all sent yet')
    const silent = { from: 'a-p1', to: 'b-p1', family: 6, milliseconds: undefined } as const
    expect(missing(dual, { ...good, pings: [...good.pings, silent] })).toContain(
      'a-p1 to b-p1 over IPv6: no answer to ping',
    )
  })

  test('a node without a block is named, and nobody is expected to know its block', () => {
    const view = change('a', () => ({ blocks: [] }))
    expect(missing(plan, view)).toContain('a: no block claimed')
    expect(tally(device('b'), view)).toMatchObject({ expected: 1, present: 1 })
  })
})
