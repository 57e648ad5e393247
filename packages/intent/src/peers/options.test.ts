import { describe, expect, test } from 'vitest'
import { configuration, node, options, peer, planOf } from '../testing.test.js'

const off = configuration({ nodeToNodeMeshEnabled: false })
const find = (result: ReturnType<typeof planOf>, name: string) =>
  [...result.peers.values()].find(({ config }) => config.name === name)

describe('our own options', () => {
  const documents = [
    off,
    node('a', '10.0.0.1/24', {}, { rack: 'r1' }),
    peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 }, { labels: { tier: 'tor' } }),
  ]
  const config = (...more: unknown[]) => find(planOf('a', [...documents, ...more]), 'Global_192_0_2_1')

  test('by name, by label, and not at all', () => {
    expect(config(options('o', { peers: ['tor'], holdTime: '9s' }))?.config.timers.holdTime).toBe(9)
    expect(config(options('o', { peerSelector: "tier == 'tor'", holdTime: '9s' }))?.config.timers.holdTime).toBe(9)
    expect(config(options('o', { peers: ['other'], holdTime: '9s' }))?.config.timers.holdTime).toBe(240)
    expect(config(options('o', { mesh: true, holdTime: '9s' }))?.config.timers.holdTime).toBe(240)
    expect(
      config(options('o', { peers: ['tor'], nodeSelector: "rack == 'r2'", holdTime: '9s' }))?.config.timers.holdTime,
    ).toBe(240)
  })

  test('the name wins over the label, field by field, and the annotation over both', () => {
    const both = [
      options('a-label', { peerSelector: 'all()', holdTime: '30s', connectRetryTime: '2s', bfd: true }),
      options('b-name', { peers: ['tor'], holdTime: '9s' }),
    ]
    expect(config(...both)?.config.timers).toMatchObject({ holdTime: 9, connectRetryTime: 2000 })
    expect(config(...both)?.bfd).toMatchObject({ minimumInterval: 300, multiplier: 3 })
    const annotated = peer(
      'tor',
      { peerIP: '192.0.2.1', asNumber: 65001 },
      { labels: { tier: 'tor' }, annotations: { 'starling.io/hold-time': '3s', 'starling.io/bfd': 'false' } },
    )
    expect(config(...both, annotated)?.config.timers.holdTime).toBe(3)
    expect(config(...both, annotated)?.bfd).toBeUndefined()
  })

  test('options for a peer that does not exist are told', () => {
    const result = planOf('a', [...documents, options('o', { peers: ['tor', 'gone'] })])
    expect(result.problems).toMatchObject([{ resource: 'StarlingPeerOptions/o', field: 'spec.peers[1]' }])
  })

  test('the key of BFD authentication is a secret like the others', () => {
    const bfd = { authentication: { type: 'keyed-sha1', keyId: 1, secretKeyRef: { name: 's', key: 'bfd' } } }
    const given = [...documents, options('o', { peers: ['tor'], bfd })]
    const keyed = (secrets: Map<string, string>) => find(planOf('a', given, { secrets }), 'Global_192_0_2_1')
    expect(keyed(new Map([['s/bfd', 'k']]))?.bfdKey).toBe('k')
    expect(keyed(new Map([['s/bfd', 'k']]))?.config.heldDown).toBeUndefined()
    expect(keyed(new Map())?.config.heldDown).toContain('secret s, key bfd, is missing')
  })

  test('the mesh has options too', () => {
    const mesh = [
      node('a', '10.0.0.1/24'),
      node('b', '10.0.0.2/24'),
      options('m', { mesh: true, holdTime: '9s', passive: false }),
    ]
    expect(find(planOf('a', mesh), 'Mesh_10_0_0_2')?.config).toMatchObject({ passive: false, timers: { holdTime: 9 } })
  })

  test('both families in one session: every term says which family it is for', () => {
    const found = config(options('o', { peers: ['tor'], families: ['ipv4', 'ipv6'], extendedNextHop: true }))
    expect(found?.config.families.map(({ family, extendedNextHop }) => [family, extendedNextHop])).toEqual([
      ['ipv4', true],
      ['ipv6', false],
    ])
    for (const { conditions } of [...(found?.config.importPolicy ?? []), ...(found?.config.exportPolicy ?? [])])
      expect(conditions[0]).toMatchObject({ kind: 'prefix', negate: false })
  })

  test('a link-local peer is bound to its interface and carries both families', () => {
    const given = [...documents, peer('ll', { peerIP: 'fe80::1%eth0', asNumber: 65002 })]
    const found = find(planOf('a', given), 'Global_fe80__1_eth0')
    expect(found?.config).toMatchObject({ key: 'fe80::1%eth0', interface: 'eth0', remoteAs: 65002 })
    expect(found?.config.localAddress).toBeUndefined()
    expect(found?.config.families.map(({ family }) => family)).toEqual(['ipv4', 'ipv6'])
  })

  test('options that contradict each other are told, with the one that counts, and whose each field is', () => {
    const labelled = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 }, { labels: { role: 'tor' } })
    const given = [
      labelled,
      options('a', { peers: ['tor'], holdTime: '9s' }),
      options('b', { peers: ['tor'], holdTime: '30s', dscp: 46 }),
      options('c', { peerSelector: "role == 'tor'", holdTime: '60s', passive: true }),
    ]
    const result = planOf('a', [...documents, ...given])
    expect(result.problems).toEqual([
      {
        severity: 'warning',
        resource: 'StarlingPeerOptions/b',
        field: 'spec.holdTime',
        message:
          "StarlingPeerOptions/a says otherwise for BGPPeer 'tor' and counts: the first name in alphabetical order wins",
      },
    ])
    expect(result.peers.get('192.0.2.1')).toMatchObject({
      config: { timers: { holdTime: 9 }, passive: true },
      optionsFrom: {
        'StarlingPeerOptions/a': 'holdTime',
        'StarlingPeerOptions/b': 'dscp',
        'StarlingPeerOptions/c': 'passive',
      },
    })
  })

  test('a local address of the other family is not used, and said', () => {
    const tor = peer('tor', { peerIP: '192.0.2.1', asNumber: 65001 })
    const result = planOf('a', [...documents, tor, options('o', { peers: ['tor'], localAddress: '2001:db8::5' })])
    expect(result.peers.get('192.0.2.1')?.config.localAddress).toBe('10.0.0.1')
    expect(result.problems).toMatchObject([
      { field: 'spec.localAddress', message: '2001:db8::5 is no ipv4 address: not used for ipv4 sessions' },
    ])
  })

  test('a family without an address of the node to be its next hop is told, with extendedNextHop as the cure', () => {
    const six = peer('tor', { peerIP: '2001:db8::1', asNumber: 65001 })
    const only6 = node('a', '2001:db8::a/64')
    const wish = (more: object) => options('o', { peers: ['tor'], families: ['ipv4', 'ipv6'], ...more })
    const told = (more: object) => planOf('a', [only6, six, wish(more)]).problems.map(({ message }) => message)
    expect(told({}).join()).toMatch(
      /ipv4 routes over an ipv6 session: Node\/a has no ipv4 address.*set extendedNextHop/,
    )
    expect(told({ extendedNextHop: true })).toEqual([])
    expect(planOf('a', [...documents, six, wish({})]).problems.map(({ field }) => field)).not.toContain('spec.families')
  })

  test('the echo function of BFD is refused in words, not in silence', () => {
    const peer = { kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { peerIP: '192.0.2.1', asNumber: 65001 } }
    const wish = (echo: boolean) => options('o', { peers: ['tor'], bfd: { echo } })
    const told = (echo: boolean) => planOf('a', [...documents, peer, wish(echo)]).problems.map(({ field }) => field)
    expect(told(true)).toContain('bfd.echo')
    expect(told(false)).not.toContain('bfd.echo')
  })

  test('a session takes its transport from its options, and CS6 without', () => {
    const wish = options('o', { peers: ['tor'], dscp: 0, tcpUserTimeout: '30s', tcpMaximumSegment: 1300 })
    const transport = (...more: typeof documents) =>
      find(planOf('a', [...documents, ...more]), 'Global_192_0_2_1')?.config.transport
    expect(transport()).toEqual({ dscp: 48, userTimeout: 0, maximumSegment: 0 })
    expect(transport(wish)).toEqual({ dscp: 0, userTimeout: 30_000, maximumSegment: 1300 })
  })
})
