/**
 * Peers that a StarlingPeerOptions makes by itself: ranges, and routers behind interfaces.
 */
import { describe, expect, test } from 'vitest'
import { configuration, filter, node, options, peer, planOf } from '../testing.test.js'

const documents = [node('a', '10.0.0.1/24')]

describe('StarlingPeerOptions that make peers', () => {
  test('ranges and unnumbered interfaces', () => {
    const given = options('o', {
      listenRanges: [{ cidr: '198.51.100.0/24', maximum: 5, remoteAs: 'external', filters: [] }],
      unnumbered: [{ interface: 'eth1', remoteAs: 'external' }],
      bfd: { minimumInterval: '100ms' },
    })
    const result = planOf('a', [...documents, given])
    expect(result.engine.dynamicNeighbors).toMatchObject([
      { range: '198.51.100.0/24', maximum: 5, template: { remoteAs: 'external' } },
    ])
    const peer = result.peers.get('%eth1')
    expect(peer).toMatchObject({ bfd: { minimumInterval: 100 }, sourceAddress: 'None' })
    expect(peer?.config).toMatchObject({
      key: '%eth1',
      name: 'Unnumbered_eth1',
      remoteAddress: '%eth1',
      interface: 'eth1',
      remoteAs: 'external',
      passive: false,
      why: { resource: 'StarlingPeerOptions/o', field: 'spec.unnumbered[0]', rule: 'the router behind eth1' },
    })
    expect(peer?.config.localAddress).toBeUndefined()
    expect(peer?.config.families).toMatchObject([
      { family: 'ipv4', extendedNextHop: true },
      { family: 'ipv6', extendedNextHop: false },
    ])
    expect(result.engine.peers.get('%eth1')).toBe(peer?.config)
    expect(result.problems).toEqual([])
  })

  test('a password of a range binds everybody in it: who has none is named', () => {
    const secret = { secretKeyRef: { name: 's', key: 'k' } }
    const given = [
      options('o', {
        listenRanges: [
          { cidr: '198.51.100.0/24', remoteAs: 'any', password: secret },
          { cidr: '198.51.100.128/25', remoteAs: 'any' },
          { cidr: '203.0.113.0/24', remoteAs: 'any' },
        ],
      }),
      peer('in', { peerIP: '198.51.100.7', asNumber: 65001 }),
      peer('out', { peerIP: '203.0.113.7', asNumber: 65001 }),
    ]
    const { problems } = planOf('a', [...documents, ...given], { secrets: new Map([['s/k', 'x']]) })
    expect(problems.map(({ resource, message }) => `${resource}: ${message}`)).toEqual([
      expect.stringMatching(/^BGPPeer\/in: 198\.51\.100\.7 has no password, but lies in 198\.51\.100\.0\/24/),
      expect.stringMatching(/^StarlingPeerOptions\/o: 198\.51\.100\.128\/25 has no password/),
    ])
  })

  test('an unnumbered peer takes what its own resource says, and nothing of the mesh', () => {
    const given = [
      options('mesh', { mesh: true, holdTime: '30s', nextHop: 'self' }),
      configuration({
        nodeMeshPassword: { secretKeyRef: { name: 'mesh', key: 'password' } },
      }),
      options('o', {
        unnumbered: [
          {
            interface: 'eth1',
            remoteAs: 65001,
            filters: ['in', 'gone'],
            password: { secretKeyRef: { name: 's', key: 'k' } },
          },
        ],
        listenRanges: [{ cidr: '198.51.100.0/24', remoteAs: 'any' }],
        holdTime: '9s',
        description: 'rack 4',
      }),
      filter('in', { importV4: [{ action: 'Reject' }] }),
    ]
    const secrets = new Map([
      ['s/k', 'x'],
      ['mesh/password', 'y'],
    ])
    const result = planOf('a', [...documents, ...given], { secrets })
    const config = result.peers.get('%eth1')?.config
    expect(config).toMatchObject({ password: 'x', description: 'rack 4', nextHop: 'auto', timers: { holdTime: 9 } })
    expect(config?.importPolicy.length).toBeGreaterThan(0)
    const [range] = result.engine.dynamicNeighbors
    expect(range?.template).toMatchObject({ nextHop: 'auto', timers: { holdTime: 9 } })
    expect(range?.template.password).toBeUndefined()
    expect(result.problems).toEqual([
      {
        severity: 'warning',
        resource: 'StarlingPeerOptions/o',
        field: 'spec.unnumbered[0].filters[1]',
        message: "no BGPFilter 'gone'; skipped",
      },
    ])
    const without = planOf('a', [...documents, ...given])
    expect(without.peers.get('%eth1')?.config.heldDown).toMatch(/secret s, key k, is missing/)
  })

  test('an interface has one unnumbered peer: the first resource by name has it', () => {
    const of = (name: string, remoteAs: number) => options(name, { unnumbered: [{ interface: 'eth1', remoteAs }] })
    const result = planOf('a', [...documents, of('b', 65002), of('a', 65001)])
    expect(result.peers.get('%eth1')?.config.remoteAs).toBe(65001)
    expect(result.problems).toEqual([
      {
        severity: 'warning',
        resource: 'StarlingPeerOptions/b',
        field: 'spec.unnumbered[0].interface',
        message: 'eth1 has an unnumbered peer already, of StarlingPeerOptions/a',
      },
    ])
  })

  test('a range has its own resource for a template, and nothing of the mesh', () => {
    const given = [
      ...documents,
      options('m', { mesh: true, holdTime: '30s', role: 'peer' }),
      options('r', {
        listenRanges: [
          { cidr: '198.51.100.0/24', remoteAs: 65001, ttlSecurity: 1 },
          { cidr: '2001:db8:5::/64', remoteAs: 'external' },
        ],
        holdTime: '9s',
        keepaliveTime: '1s',
        strictImport: true,
        dscp: 10,
        tcpUserTimeout: '20s',
        tcpMaximumSegment: 1400,
        advertisementInterval: '2s',
        importLimits: { ipv4: { maximum: 7, action: 'restart' } },
        gracefulRestart: { enabled: false },
        bfd: { minimumInterval: '100ms', strict: true, echo: true },
      }),
    ]
    const { engine, ranges, problems } = planOf('a', given)
    const [four, six] = engine.dynamicNeighbors.map(({ template }) => template)
    expect(four).toMatchObject({
      remoteAs: 65001,
      ttlSecurity: 1,
      transport: { dscp: 10, userTimeout: 20_000, maximumSegment: 1400 },
      timers: { holdTime: 9, keepaliveTime: 1, advertisementInterval: 2000 },
      families: [{ family: 'ipv4', importLimit: { maximum: 7, action: 'restart' } }],
      gracefulRestart: { enabled: false },
      bfdStrict: true,
    })
    expect(four?.role).toBeUndefined()
    expect(four?.importPolicy.length).toBeGreaterThan(0)
    expect(six).toMatchObject({ remoteAs: 'external', ttlSecurity: 0, families: [{ family: 'ipv6' }] })
    expect(ranges.map(({ bfd }) => bfd?.minimumInterval)).toEqual([100, 100])
    expect(problems.map(({ field }) => field)).toContain('bfd.echo')
  })
})
