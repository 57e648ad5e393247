import { describe, expect, test } from 'vitest'
import { configuration, filter, node, options, peer, planOf, sessions } from '../testing.test.js'

const off = configuration({ nodeToNodeMeshEnabled: false })
const find = (result: ReturnType<typeof planOf>, name: string) =>
  [...result.peers.values()].find(({ config }) => config.name === name)

describe('the mesh (calico.md 2.3)', () => {
  test('is on without any configuration, one session per family', () => {
    const dual = (name: string, last: number) => node(name, `10.0.0.${last}/24`, { ipv6Address: `fd00:a::${last}/64` })
    const result = planOf('a', [dual('a', 1), dual('b', 2), node('c', '10.0.0.3/24')])
    expect(sessions(result)).toEqual(['<Mesh_10_0_0_2', '<Mesh_10_0_0_3', '<Mesh_fd00_a__2'])
    expect(find(result, 'Mesh_fd00_a__2')?.config.families.map(({ family }) => family)).toEqual(['ipv6'])
    expect(find(result, 'Mesh_10_0_0_2')?.config.families.map(({ family }) => family)).toEqual(['ipv4'])
  })

  test('the side with the smaller text waits: 10.0.0.9 comes after 10.0.0.10', () => {
    const nodes = [node('a', '10.0.0.9/24'), node('b', '10.0.0.10/24')]
    expect(sessions(planOf('a', nodes))).toEqual(['>Mesh_10_0_0_10'])
    expect(sessions(planOf('b', nodes))).toEqual(['<Mesh_10_0_0_9'])
  })

  test('texts are compared in canonical form, however they were written', () => {
    const nodes = [node('a', 'FD00:0A::0009/64'), node('b', 'fd00:a:0:0::10/64')]
    expect(sessions(planOf('a', nodes))).toEqual(['>Mesh_fd00_a__10'])
    expect(sessions(planOf('b', nodes))).toEqual(['<Mesh_fd00_a__9'])
  })

  test.each([
    ['the global flag turns it off', [off], []],
    ['a node-level flag does not', [configuration({ nodeToNodeMeshEnabled: false }, 'node.a')], ['<Mesh_10_0_0_2']],
  ])('%s', (_what, more, expected) => {
    expect(sessions(planOf('a', [node('a', '10.0.0.1/24'), node('b', '10.0.0.2/24'), ...more]))).toEqual(expected)
  })

  test('reflectors are outside on both sides', () => {
    const nodes = [
      node('a', '10.0.0.1/24'),
      node('b', '10.0.0.2/24'),
      node('rr', '10.0.0.3/24', { routeReflectorClusterID: '244.0.0.1' }),
    ]
    expect(sessions(planOf('a', nodes))).toEqual(['<Mesh_10_0_0_2'])
    expect(sessions(planOf('rr', nodes))).toEqual([])
  })

  test('a peer node’s AS, else our own and not the global one', () => {
    const nodes = [
      configuration({ asNumber: 64500 }),
      node('a', '10.0.0.1/24', { asNumber: 64601 }),
      node('b', '10.0.0.2/24'),
      node('c', '10.0.0.3/24', { asNumber: '1.10' }),
    ]
    const result = planOf('a', nodes)
    expect(find(result, 'Mesh_10_0_0_2')?.config).toMatchObject({ remoteAs: 64601, localAs: 64601 })
    expect(find(result, 'Mesh_10_0_0_3')?.config.remoteAs).toBe(65546)
  })

  test('an own AS in a mesh whose other nodes name none is told: those sessions never get past the OPEN', () => {
    const nodes = [
      configuration({ asNumber: 64500 }),
      node('a', '10.0.0.1/24', { asNumber: 64601 }),
      node('b', '10.0.0.2/24'),
      node('c', '10.0.0.3/24', { asNumber: 64603 }),
      node('d', 'fd00:a::4/64'),
    ]
    expect(planOf('a', nodes).problems).toMatchObject([
      {
        severity: 'warning',
        resource: 'Node/a',
        field: 'spec.bgp.asNumber',
        message: expect.stringMatching(/speak as 64500: no session with Node\/b comes up/),
      },
    ])
    expect(planOf('b', nodes).problems).toEqual([])
    expect(planOf('a', [...nodes, off]).problems).toEqual([])
    expect(planOf('a', nodes.slice(0, 2)).problems).toEqual([])
  })

  test('port, password, restart time and source come from the configuration', () => {
    const documents = [
      configuration({
        listenPort: 1790,
        nodeMeshPassword: { secretKeyRef: { name: 'mesh', key: 'key' } },
        nodeMeshMaxRestartTime: '90s',
      }),
      configuration({ listenPort: 1791 }, 'node.c'),
      node('a', '10.0.0.1/24'),
      node('b', '10.0.0.2/24'),
      node('c', '10.0.0.3/24'),
    ]
    const result = planOf('a', documents, { secrets: new Map([['mesh/key', 'geheim']]) })
    expect([...result.engine.peers.keys()]).toEqual(['10.0.0.2 port 1790', '10.0.0.3 port 1791'])
    const config = find(result, 'Mesh_10_0_0_2')?.config
    expect(config).toMatchObject({ remotePort: 1790, password: 'geheim', localAddress: '10.0.0.1', ttlSecurity: 0 })
    expect(config?.gracefulRestart).toMatchObject({ enabled: true, restartTime: 90 })
  })

  test('two nodes with one address make one session, ourselves none', () => {
    const nodes = [
      node('a', '10.0.0.1/24'),
      node('b', '10.0.0.2/24'),
      node('c', '10.0.0.2/24'),
      node('d', '10.0.0.1/24'),
    ]
    const result = planOf('a', nodes)
    expect(sessions(result)).toEqual(['<Mesh_10_0_0_2'])
    expect(find(result, 'Mesh_10_0_0_2')?.config.description).toBe('node b')
  })
})

describe('explicit peers (calico.md 2.4)', () => {
  const nodes = [
    off,
    node('a', '10.0.0.1/24', {}, { rack: 'r1' }),
    node('b', '10.0.0.2/24', {}, { rack: 'r2' }),
    node('c', '10.0.0.3/24', { asNumber: 64700 }, { rack: 'r2' }),
  ]
  const tor = { peerIP: '192.0.2.1', asNumber: 65001 }

  test.each([
    ['no node and no selector: global, on every node', tor, { a: ['>Global_192_0_2_1'], b: ['>Global_192_0_2_1'] }],
    ['node: on that one', { ...tor, node: 'b' }, { a: [], b: ['>Node_192_0_2_1'] }],
    ['nodeSelector: where it selects', { ...tor, nodeSelector: "rack == 'r1'" }, { a: ['>Node_192_0_2_1'], b: [] }],
    ['a selector that does not parse selects nothing', { ...tor, nodeSelector: 'rack = r1' }, { a: [], b: [] }],
    [
      'a port is part of the name, even 179',
      { ...tor, node: 'a', peerIP: '192.0.2.1:179' },
      { a: ['>Node_192_0_2_1_port_179'] },
    ],
    ['another family than the node has', { ...tor, peerIP: '2001:db8::1' }, { a: [] }],
    ['ourselves', { ...tor, peerIP: '10.0.0.1' }, { a: [] }],
  ])('%s', (_what, spec, expected) => {
    for (const [name, wanted] of Object.entries(expected))
      expect(sessions(planOf(name, [...nodes, peer('tor', { ...spec, reversePeering: 'Manual' })]))).toEqual(wanted)
  })

  test('port 179 spelt out and left out are the same peering with two names', () => {
    const key = (peerIP: string) => [...planOf('a', [...nodes, peer('t', { ...tor, peerIP })]).engine.peers.keys()]
    expect(key('192.0.2.1')).toEqual(key('192.0.2.1:179'))
    expect(key('192.0.2.1:1790')).toEqual(['192.0.2.1 port 1790'])
  })

  test('peerSelector makes both ends, and both dial', () => {
    const documents = [...nodes, peer('p', { nodeSelector: "rack == 'r1'", peerSelector: "rack == 'r2'" })]
    expect(sessions(planOf('a', documents))).toEqual(['>Node_10_0_0_2', '>Node_10_0_0_3'])
    expect(sessions(planOf('b', documents))).toEqual(['>Node_10_0_0_1'])
    expect(find(planOf('a', documents), 'Node_10_0_0_3')?.config.remoteAs).toBe(64700)
    expect(find(planOf('c', documents), 'Node_10_0_0_1')?.config).toMatchObject({ remoteAs: 64512, localAs: 64700 })
  })

  test('a global peerSelector is global on the selecting side; its reverse is never needed', () => {
    const documents = [...nodes, peer('p', { peerSelector: "rack == 'r1'" })]
    expect(sessions(planOf('b', documents))).toEqual(['>Global_10_0_0_1'])
    expect(sessions(planOf('a', documents))).toEqual(['>Node_10_0_0_2', '>Node_10_0_0_3'])
  })

  test('a peerIP that is a node: that node peers back with every local side', () => {
    const documents = [...nodes, peer('p', { peerIP: '10.0.0.1', asNumber: 64512 })]
    expect(sessions(planOf('b', documents))).toEqual(['>Global_10_0_0_1'])
    expect(sessions(planOf('a', documents))).toEqual(['>Node_10_0_0_2', '>Node_10_0_0_3'])
    const far = [...nodes, peer('p', { peerIP: '10.0.0.3', asNumber: 64700 })]
    expect(sessions(planOf('a', far))).toEqual(['<Global_10_0_0_3'])
  })

  test.each([
    ['reversePeering Manual', { peerIP: '10.0.0.1', asNumber: 64512, reversePeering: 'Manual' }],
    ['another AS', { peerIP: '10.0.0.1', asNumber: 65000 }],
    ['another port', { peerIP: '10.0.0.1:1790', asNumber: 64512 }],
  ])('no reverse session with %s', (_what, spec) => {
    expect(sessions(planOf('a', [...nodes, peer('p', { ...spec, node: 'b' })]))).toEqual([])
  })

  test('without AS number a peerIP takes that of the node, and is refused where there is none', () => {
    expect(find(planOf('a', [...nodes, peer('p', { peerIP: '10.0.0.3' })]), 'Global_10_0_0_3')?.config.remoteAs).toBe(
      64700,
    )
    const result = planOf('a', [...nodes, peer('p', { peerIP: '192.0.2.9' })])
    expect(sessions(result)).toEqual([])
    expect(result.problems).toMatchObject([{ resource: 'BGPPeer/p', field: 'spec.asNumber', severity: 'error' }])
  })

  test('the listen port of a node found by address is used', () => {
    const ports = [configuration({ nodeToNodeMeshEnabled: false, listenPort: 1790 }), ...nodes.slice(1)]
    const result = planOf('a', [
      ...ports,
      configuration({ listenPort: 1800 }, 'node.c'),
      peer('p', { peerSelector: "rack == 'r2'" }),
    ])
    expect(sessions(result)).toEqual(['>Global_10_0_0_2_port_1790', '>Global_10_0_0_3_port_1800'])
  })

  test.each([
    ['global wins over node', [peer('z', tor), peer('a', { ...tor, node: 'a' })], 'BGPPeer/z', ['BGPPeer/a (node)']],
    [
      'node wins over reverse',
      [
        peer('z', { peerIP: '10.0.0.3', asNumber: 64700, node: 'a' }),
        peer('a', { node: 'c', peerIP: '10.0.0.1', asNumber: 64512 }),
      ],
      'BGPPeer/z',
      ['BGPPeer/a (reverse)'],
    ],
    [
      'among equals the first name',
      [peer('b', { ...tor, node: 'a' }), peer('a', { ...tor, nodeSelector: 'all()' })],
      'BGPPeer/a',
      ['BGPPeer/b (node)'],
    ],
  ])('%s', (_what, peers, winner, shadowed) => {
    for (const documents of [
      [...nodes, ...peers],
      [...peers.toReversed(), ...nodes],
    ]) {
      const [only, ...rest] = planOf('a', documents).peers.values()
      expect(rest).toEqual([])
      expect(only?.config.why.resource).toBe(winner)
      expect(only?.shadowed).toEqual(shadowed)
    }
  })

  const strict = { ...tor, filters: ['f'], ttlSecurity: 1 }
  const rr = { nodeSelector: 'all()', peerSelector: "kind == 'rr'" }
  test.each([
    [
      'hidden by a global one',
      [peer('g', tor), peer('n', { ...strict, node: 'a' })],
      "its session with 192.0.2.1 is that of BGPPeer 'g' (global before node), which says otherwise: ttlSecurity, filters",
    ],
    [
      'hidden by its elder',
      [peer('n', { ...tor, node: 'a' }), peer('o', { ...tor, asNumber: 65002, nodeSelector: 'all()' })],
      "its session with 192.0.2.1 is that of BGPPeer 'n' (of two node ones the first name in alphabetical order), which says otherwise: asNumber",
    ],
    [
      'of many sessions, once',
      [
        node('r1', '10.0.0.8/24', {}, { kind: 'rr' }),
        node('r2', '10.0.0.9/24', {}, { kind: 'rr' }),
        peer('p', rr),
        peer('q', { ...rr, keepaliveTime: '5s' }),
      ],
      "its sessions with 10.0.0.8 and 1 more are those of BGPPeer 'p' (of two node ones the first name in alphabetical order), which says otherwise: keepaliveTime",
    ],
    [
      'whose own options nobody gets',
      [peer('g', tor), peer('n', { ...tor, node: 'a' }), options('o', { peers: ['n'], holdTime: '9s' })],
      "its session with 192.0.2.1 is that of BGPPeer 'g' (global before node), which says otherwise: options of StarlingPeerOptions",
    ],
    ['that says the same', [peer('g', strict), peer('n', { ...strict, node: 'a' })], undefined],
    [
      'of the other end alone',
      [
        peer('z', { peerIP: '10.0.0.3', asNumber: 64700, node: 'a', ttlSecurity: 1 }),
        peer('a', { node: 'c', peerIP: '10.0.0.1', asNumber: 64512 }),
      ],
      undefined,
    ],
  ])('a BGPPeer in vain is a problem where it says something else: %s', (_what, peers, message) => {
    const documents = [...nodes, filter('f', { importV4: [{ action: 'Accept' }] }), ...peers]
    const { problems } = planOf('a', documents)
    expect(problems.map((problem) => problem.message)).toEqual(message === undefined ? [] : [message])
    expect(planOf('a', documents.toReversed()).problems).toEqual(problems)
  })

  test('an explicit peering takes over a mesh session without a new identity', () => {
    const mesh = [node('a', '10.0.0.1/24'), node('b', '10.0.0.2/24')]
    const before = planOf('a', mesh)
    const after = planOf('a', [
      ...mesh,
      peer('p', { node: 'a', peerSelector: "kind == 'b'" }),
      node('b', '10.0.0.2/24', {}, { kind: 'b' }),
    ])
    expect([...after.engine.peers.keys()]).toEqual([...before.engine.peers.keys()])
    expect(find(after, 'Node_10_0_0_2')?.shadowed).toEqual(['built-in (mesh)'])
  })
})

describe('fields by kind of session (table of calico.md 2.4)', () => {
  const spec = {
    nodeSelector: "role == 'edge'",
    localASNumber: 64701,
    nextHopMode: 'Self',
    password: { secretKeyRef: { name: 's', key: 'k' } },
    maxRestartTime: '2m30s',
    keepaliveTime: '30s',
    numAllowedLocalASNumbers: 2,
    ttlSecurity: 1,
    reachableBy: '10.0.0.254',
    filters: ['f', 'gone'],
  }
  const documents = [
    off,
    node('a', '10.0.0.1/24', {}, { role: 'edge' }),
    node('b', '10.0.0.2/24', {}, { role: 'core' }),
    filter('f', { exportV4: [{ action: 'Reject' }] }),
  ]
  const secrets = new Map([['s/k', 'pw']])

  test('explicit peerIP takes everything', () => {
    const given = [...documents, peer('p', { ...spec, peerIP: '192.0.2.1', asNumber: 65001 })]
    const result = planOf('a', given, { secrets })
    const found = find(result, 'Node_192_0_2_1')
    expect(found?.config).toMatchObject({
      localAs: 64701,
      remoteAs: 65001,
      nextHop: 'self',
      password: 'pw',
      allowOwnAs: 2,
      ttlSecurity: 1,
      localAddress: '10.0.0.1',
      timers: { holdTime: 240, keepaliveTime: 30 },
      gracefulRestart: { restartTime: 150 },
    })
    expect(found?.filters).toEqual(['f'])
    expect(result.problems).toMatchObject([{ field: 'spec.filters[1]', message: "no BGPFilter 'gone'; skipped" }])
    expect(result.localRoutes).toMatchObject([
      { prefix: '192.0.2.1/32', target: { kind: 'via', gateway: '10.0.0.254' }, source: 'static' },
    ])
  })

  test('peerSelector and its reverse leave out the local AS and the allowed own AS', () => {
    const given = [...documents, peer('p', { ...spec, peerSelector: "role == 'core'" })]
    for (const [own, other] of [
      ['a', 'Node_10_0_0_2'],
      ['b', 'Node_10_0_0_1'],
    ] as const) {
      const found = find(planOf(own, given, { secrets }), other)
      expect(found?.config).toMatchObject({
        localAs: 64512,
        allowOwnAs: 0,
        nextHop: 'self',
        ttlSecurity: 1,
        password: 'pw',
      })
      expect(found?.filters).toEqual(['f'])
    }
  })

  test('local workloads: passive, no source, no password, own filters, first address of each family', () => {
    const given = [
      ...documents,
      node('a', '10.0.0.1/24', { ipv6Address: 'fd00:a::1/64' }, { role: 'edge' }),
      peer('p', { ...spec, localWorkloadSelector: "app == 'vm'", asNumber: 65400 }),
    ]
    const workloads = [
      {
        ifaceName: 'cali1',
        ipv4Nets: ['10.244.1.5/32', '10.244.1.6/32'],
        ipv6Nets: ['fd00:10::5/128'],
        bgpPeerName: 'p',
      },
      { ifaceName: 'cali2', ipv4Nets: ['10.244.1.7/32'], bgpPeerName: 'other' },
    ]
    const result = planOf('a', given, { workloads, secrets })
    expect(sessions(result)).toEqual(['<Local_Workload_10_244_1_5', '<Local_Workload_fd00_10__5'])
    const config = find(result, 'Local_Workload_10_244_1_5')?.config
    expect(config).toMatchObject({ remoteAs: 65400, localAs: 64701, ttlSecurity: 0, nextHop: 'auto', allowOwnAs: 0 })
    expect(config?.password).toBeUndefined()
    expect(config?.localAddress).toBeUndefined()
    expect(sessions(planOf('b', given, { workloads }))).toEqual([])
  })

  test.each([
    ['nothing', {}, 'auto'],
    ['Auto', { nextHopMode: 'Auto' }, 'auto'],
    ['Self', { nextHopMode: 'Self' }, 'self'],
    ['Keep', { nextHopMode: 'Keep' }, 'keep'],
    ['the deprecated flag', { keepOriginalNextHop: true }, 'keep-ebgp'],
    ['the deprecated flag beside Auto', { keepOriginalNextHop: true, nextHopMode: 'Auto' }, 'auto'],
  ])('next hop mode from %s', (_what, more, expected) => {
    const given = [...documents, peer('p', { peerIP: '192.0.2.1', asNumber: 65001, ...more })]
    expect(find(planOf('a', given), 'Global_192_0_2_1')?.config.nextHop).toBe(expected)
  })

  test('sourceAddress None leaves the source open', () => {
    const given = [...documents, peer('p', { peerIP: '192.0.2.1', asNumber: 65001, sourceAddress: 'None' })]
    const found = find(planOf('a', given), 'Global_192_0_2_1')
    expect(found?.config.localAddress).toBeUndefined()
    expect(found?.sourceAddress).toBe('None')
  })

  test('a missing secret holds the session down and says which', () => {
    const given = [...documents, peer('p', { ...spec, peerIP: '192.0.2.1', asNumber: 65001 })]
    const result = planOf('a', given)
    const config = find(result, 'Node_192_0_2_1')?.config
    expect(config?.heldDown).toBe('secret s, key k, is missing: the session waits for it')
    expect(config?.password).toBeUndefined()
    expect(result.problems).toContainEqual(expect.objectContaining({ severity: 'error', field: 'spec.password' }))
  })

  test('a Secret document answers in its namespace', () => {
    const secret = (namespace: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace },
      data: { k: 'cHc=' },
    })
    const given = [...documents, peer('p', { ...spec, peerIP: '192.0.2.1', asNumber: 65001 })]
    expect(find(planOf('a', [...given, secret('kube-system')]), 'Node_192_0_2_1')?.config.password).toBe('pw')
    expect(find(planOf('a', [...given, secret('default')]), 'Node_192_0_2_1')?.config.heldDown).toContain('missing')
    const other = planOf('a', [...given, secret('default')], { namespace: 'default' })
    expect(find(other, 'Node_192_0_2_1')?.config.password).toBe('pw')
  })
})

describe('route reflectors (calico.md 2.5)', () => {
  const rr = (name: string, last: number, cluster: string) =>
    node(name, `10.0.1.${last}/24`, { routeReflectorClusterID: cluster }, { rr: 'true' })
  const documents = [
    off,
    node('a', '10.0.0.1/24'),
    rr('r1', 1, '244.0.0.1'),
    rr('r2', 2, '244.0.0.1'),
    rr('r3', 3, '244.0.0.2'),
    peer('rr', { nodeSelector: 'all()', peerSelector: "rr == 'true'" }),
    peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, node: 'r1' }),
    peer('in', { peerIP: '192.0.2.2', asNumber: 64512, node: 'r1' }),
  ]

  test.each([
    ['Node_10_0_0_1', true, 'a plain node is a client'],
    ['Node_10_0_1_2', false, 'a reflector of the same cluster is an ordinary peer'],
    ['Node_10_0_1_3', true, 'a reflector of another cluster is a client'],
    ['Node_192_0_2_1', false, 'eBGP has no clients'],
    ['Node_192_0_2_2', true, 'iBGP by peerIP has no known cluster: a client'],
  ])('%s: %s, %s', (name, client) => {
    const result = planOf('r1', documents)
    expect(find(result, name)?.config.routeReflectorClient).toBe(client)
    expect(result.engine.clusterId).toBe(0xf4000001)
  })

  test('nodes and reflectors reach each other by one object, and both sides dial', () => {
    expect(sessions(planOf('a', documents))).toEqual(['>Node_10_0_1_1', '>Node_10_0_1_2', '>Node_10_0_1_3'])
    expect(sessions(planOf('r2', documents))).toEqual(['>Node_10_0_0_1', '>Node_10_0_1_1', '>Node_10_0_1_3'])
  })
})
