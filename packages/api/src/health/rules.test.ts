import { describe, expect, test } from 'vitest'
import { type FakeDaemon, fakeDaemon, peerView } from '../testing/index.js'
import { CALICO_SETTLE_TIME, type HealthInput, liveness, type ReadinessPolicy, readiness } from './rules.js'

const up = (name: string, address: string) => peerView(name, address)
const down = (name: string, address: string) =>
  peerView(name, address, { state: 'Active', reason: 'no answer', since: 7 })

function input(change: (daemon: FakeDaemon) => void = () => undefined, age = 60_000): HealthInput {
  const daemon = fakeDaemon()
  change(daemon)
  return {
    facts: daemon.health(),
    peers: daemon.peers(),
    datastore: daemon.datastoreStatus(),
    kernel: daemon.kernel(),
    startedAt: 0,
    now: age,
    loopDelay: 0,
  }
}

const ANY: ReadinessPolicy = { kind: 'any' }
const CALICO: ReadinessPolicy = { kind: 'calico', settleTime: CALICO_SETTLE_TIME }
const peers =
  (...list: FakeDaemon['peerList']) =>
  (daemon: FakeDaemon) => {
    daemon.peerList = list
  }
const half = peers(up('Mesh_a', '10.0.0.1'), down('Mesh_b', '10.0.0.2'))
const none = peers(down('Mesh_a', '10.0.0.1'), down('Mesh_b', '10.0.0.2'))

describe('readiness', () => {
  const rows: readonly [what: string, policy: ReadinessPolicy, input: HealthInput, expected: readonly string[]][] = [
    ['no peers at all', ANY, input(peers()), []],
    ['one of two, any', ANY, input(half), []],
    ['none of two, any', ANY, input(none), ['no-peer-established']],
    ['one of two, quorum of half', { kind: 'quorum', fraction: 0.5 }, input(half), []],
    ['one of two, quorum of most', { kind: 'quorum', fraction: 0.51 }, input(half), ['too-few-peers']],
    ['required by name and up', { kind: 'required', peers: ['Mesh_a'] }, input(half), []],
    ['required by address and down', { kind: 'required', peers: ['10.0.0.2'] }, input(half), ['required-peer-down']],
    ['required and unknown', { kind: 'required', peers: ['Mesh_z'] }, input(half), ['required-peer-down']],
    ['calico, young, one down', CALICO, input(half, 10_000), ['peers-not-established']],
    ['calico, settled, one down', CALICO, input(half, 31_000), []],
    ['calico, settled, all down', CALICO, input(none, 31_000), ['no-peer-established']],
    ['calico, no peers', CALICO, input(peers(), 1), []],
    ['calico counts its own protocols only', CALICO, input(peers(down('Local_Workload_x', '10.0.0.9')), 1), []],
  ]
  test.each(rows)('%s', (_what, policy, given, expected) => {
    const { ok, reasons } = readiness(given, policy)
    expect(reasons.map(({ code }) => code)).toEqual(expected)
    expect(ok).toBe(expected.length === 0)
  })

  test('calico: young, all up, but graceful restart goes on', () => {
    const young = input((daemon) => {
      daemon.peerList = [up('Mesh_a', '10.0.0.1')]
      daemon.healthValue = { ...daemon.healthValue, graceful: { recovering: true, waitingFor: ['Mesh_a'] } }
    }, 1000)
    expect(readiness(young, CALICO).reasons).toEqual([
      { code: 'graceful-restart', message: 'graceful restart in progress' },
    ])
  })

  test('peers on nodes that are known to be down never make this one unready', () => {
    const excused = input((daemon) => {
      none(daemon)
      daemon.healthValue = { ...daemon.healthValue, excusedPeers: ['10.0.0.1', '10.0.0.2'] }
    })
    expect(readiness(excused, ANY).ok).toBe(true)
    expect(readiness(excused, { kind: 'quorum', fraction: 1 }).ok).toBe(true)
  })

  test('a peer an operator shut down does not count', () => {
    expect(readiness(input(peers({ ...down('Mesh_a', '10.0.0.1'), enabled: false })), ANY).ok).toBe(true)
  })

  test('the families are judged apart', () => {
    const mixed = input(peers(up('Mesh_a', '10.0.0.1'), down('Mesh_b', 'fd00::2')))
    expect(readiness(mixed, ANY, 'ipv4').ok).toBe(true)
    expect(readiness(mixed, ANY, 'ipv6').ok).toBe(false)
  })

  test('a reason names peer, state, words and since, and stays short', () => {
    const many = input(peers(...Array.from({ length: 500 }, (_, i) => down(`Mesh_${i}`, `10.0.${i >> 8}.${i & 255}`))))
    const [reason] = readiness(many, ANY).reasons
    expect(reason?.message).toContain('Mesh_0 Active (no answer)')
    expect(reason?.message).toContain('and 480 more')
    expect(reason?.peers).toHaveLength(20)
    expect(reason?.peers?.[0]).toEqual({
      name: 'Mesh_0',
      address: '10.0.0.0',
      state: 'Active',
      reason: 'no answer',
      since: 7,
    })
  })

  const FAILINGS: readonly (readonly [what: string, code: string, change: (daemon: FakeDaemon) => void])[] = [
    [
      'not started',
      'not-started',
      (d: FakeDaemon) => void Object.assign(d, { healthValue: { ...d.healthValue, started: false } }),
    ],
    [
      'another speaker has the port',
      'port-held',
      (d: FakeDaemon) =>
        void Object.assign(d, { healthValue: { ...d.healthValue, started: false, portHeld: '0.0.0.0 port 179' } }),
    ],
    [
      'never in sync',
      'never-in-sync',
      (d: FakeDaemon) => void Object.assign(d, { datastoreValue: { ...d.datastoreValue, status: 'waiting' } }),
    ],
    [
      'draining',
      'draining',
      (d: FakeDaemon) => void Object.assign(d, { healthValue: { ...d.healthValue, draining: 'reboot' } }),
    ],
    [
      'stopped',
      'engine-stopped',
      (d: FakeDaemon) => void Object.assign(d, { healthValue: { ...d.healthValue, stopped: 'invariant' } }),
    ],
  ]
  test.each(FAILINGS)('%s', (_what, code, change) => {
    expect(readiness(input(change), ANY).reasons.map((reason) => reason.code)).toContain(code)
  })

  test('a datastore that was lost later changes nothing: the last snapshot is in force', () => {
    expect(
      readiness(
        input((d) => void Object.assign(d, { datastoreValue: { ...d.datastoreValue, status: 'resync' } })),
        ANY,
      ).ok,
    ).toBe(true)
  })
})

describe('liveness asks only whether a restart would help', () => {
  test.each([
    ['dead peers', input(none), true],
    [
      'no datastore',
      input((d) => void Object.assign(d, { datastoreValue: { ...d.datastoreValue, status: 'waiting' } })),
      true,
    ],
    [
      'a stopped engine',
      input((d) => void Object.assign(d, { healthValue: { ...d.healthValue, stopped: 'invariant' } })),
      false,
    ],
    ['a stalled loop', { ...input(), loopDelay: 31_000 }, false],
  ])('%s', (_what, given, expected) => {
    expect(liveness(given).ok).toBe(expected)
  })
})
