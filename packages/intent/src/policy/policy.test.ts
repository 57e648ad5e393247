import { describe, expect, test } from 'vitest'
import { evaluate, evaluatePolicy, globMatches, type PolicyRoute, type Question } from '../index.js'
import { block, calico, configuration, filter, node, peer, planOf, pool } from '../testing.test.js'

const bgp: PolicyRoute = {
  prefix: '10.244.1.0/26',
  source: 'bgp',
  learnedFrom: 'ibgp',
  asPath: [],
  communities: [],
  preference: 100,
}
const session = { type: 'ibgp', defaultLocalPref: 100 } as const

/** Node a: iBGP to b (mesh), eBGP to the ToR; two own blocks, a pool, a silent pool. */
const base = [
  node('a', '10.0.0.1/24'),
  node('b', '10.0.0.2/24'),
  node('c', '10.0.0.3/24'),
  peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, reversePeering: 'Manual' }),
  pool('10.244.0.0/16'),
  pool('10.66.0.0/16', { disableBGPExport: true }),
  block('a', '10.244.1.0/26'),
  block('a', '10.66.0.0/26'),
  block('a', '10.244.9.9/32'),
]
const MESH = 'Mesh_10_0_0_2'
const TOR = 'Global_192_0_2_1'

function ask(question: Question, documents: readonly unknown[] = base, name = 'a') {
  const answer = evaluate(planOf(name, documents), question)
  if ('error' in answer) throw new Error(answer.error)
  return answer
}

describe('export to peers (calico.md 2.8)', () => {
  const rows: [what: string, from: string, prefix: string, to: string, verdict: string, decidedBy: string][] = [
    ['own block', 'static', '10.244.1.0/26', MESH, 'accept', 'own block'],
    ['own block to the ToR', 'static', '10.244.1.0/26', TOR, 'accept', 'own block'],
    ['own pod', 'kernel:cali1', '10.244.1.5/32', MESH, 'reject', 'inside an own block: the block stands for it'],
    ['borrowed address', 'kernel:cali1', '10.244.7.5/32', MESH, 'accept', 'inside a pool'],
    ['block of a silent pool', 'static', '10.66.0.0/26', MESH, 'reject', 'never exported'],
    ['address of a silent pool', 'kernel:cali1', '10.66.9.1/32', TOR, 'reject', 'never exported'],
    ['connected prefix', 'direct:eth0', '10.0.0.0/24', MESH, 'reject', 'no rule matched: reject'],
    ['default route', 'kernel:eth0', '0.0.0.0/0', TOR, 'reject', 'no rule matched: reject'],
    [
      'tunnel route on iBGP',
      'kernel:vxlan.calico',
      '10.244.7.0/26',
      MESH,
      'reject',
      'iBGP: routes through a tunnel belong to another node (calico.md 2.8 step 4)',
    ],
    [
      'WireGuard route on iBGP',
      'kernel:wireguard.cali',
      '10.244.7.0/26',
      MESH,
      'reject',
      'iBGP: routes through a tunnel belong to another node (calico.md 2.8 step 4)',
    ],
    [
      'tunl0 while Felix owns IPIP',
      'kernel:tunl0',
      '10.244.7.0/26',
      MESH,
      'reject',
      'iBGP: routes through a tunnel belong to another node (calico.md 2.8 step 4)',
    ],
    ['tunnel route on eBGP', 'kernel:vxlan.calico', '10.244.7.0/26', TOR, 'accept', 'inside a pool'],
    [
      'BPF device',
      'kernel:bpfin.cali',
      '10.244.7.0/26',
      TOR,
      'reject',
      'routes through a BPF device stay here (calico.md 2.8 step 5)',
    ],
    [
      'learned block, iBGP to iBGP',
      'Mesh_10_0_0_3',
      '10.244.7.0/26',
      MESH,
      'reject',
      'iBGP to iBGP, and neither is our client',
    ],
    ['learned block to the ToR', MESH, '10.244.7.0/26', TOR, 'accept', 'inside a pool'],
    ['back to where it came from', MESH, '10.244.7.0/26', MESH, 'reject', 'split horizon: it came from there'],
    ['learned from the ToR', TOR, '198.51.100.0/24', MESH, 'reject', 'no rule matched: reject'],
  ]
  test.each(rows)('%s: %s %s to %s: %s', (_what, from, prefix, to, verdict, rule) => {
    const answer = ask({ from, prefix, to })
    expect(answer.verdict).toBe(verdict)
    expect(answer.why.rule).toBe(rule)
  })

  test('tunl0 may pass once BGP owns the IPIP routes', () => {
    const documents = [...base, configuration({ programClusterRoutes: 'EnabledIPIPOnly' })]
    expect(ask({ from: 'kernel:tunl0', prefix: '10.244.7.0/26', to: MESH }, documents).verdict).toBe('accept')
  })

  test.each([
    ['v3.31.4', 'reject'],
    ['v3.32.0', 'accept'],
  ])(
    'Felix of %s, an own /32 without a metric: %s, as only newer ones say by the metric what moves',
    (version, verdict) => {
      const documents = [...base, calico('ClusterInformation', 'default', { calicoVersion: version })]
      const question = { prefix: '10.244.1.5/32', attributes: { metric: 0 }, from: 'kernel:cali1', to: MESH }
      expect(ask(question, documents).verdict).toBe(verdict)
    },
  )

  test('a /32 that moves here with an elevated priority leaves the own block', () => {
    const question = { from: 'kernel:cali1', prefix: '10.244.1.5/32', to: MESH }
    const moving = ask({ ...question, attributes: { metric: 512 } })
    expect(moving.verdict).toBe('accept')
    expect(moving.route.localPref).toBe(2147483647 - 512)
    expect(ask({ ...question, attributes: { metric: 1024 } }).verdict).toBe('reject')
  })

  test('LOCAL_PREF is the mirror image of the metric, 2147482623 for a normal block', () => {
    expect(ask({ from: 'static', prefix: '10.244.1.0/26', to: MESH }).route).toMatchObject({
      localPref: 2147482623,
      metric: 1024,
    })
    const other = [...base, configuration({ ipv4NormalRoutePriority: 2000 })]
    expect(ask({ from: 'static', prefix: '10.244.1.0/26', to: MESH }, other).route.localPref).toBe(2147483647 - 2000)
    const learned = ask({ from: MESH, prefix: '10.244.7.0/26', to: TOR, attributes: { localPref: 100 } })
    expect(learned.route).toMatchObject({ localPref: 100, metric: 2147483547 })
  })

  test('communities of every advertisement that contains the prefix, nodes over global', () => {
    const advertise = (communities: string[], cidr = '10.244.0.0/16') => ({ cidr, communities })
    const global = configuration({
      communities: [{ name: 'large', value: '64512:300:100' }],
      prefixAdvertisements: [
        advertise(['large', '64512:120']),
        advertise(['64512:7'], '10.0.0.0/8'),
        advertise(['64512:9'], '10.244.1.0/27'),
      ],
    })
    const question = { from: 'static', prefix: '10.244.1.0/26', to: MESH }
    expect(ask(question, [...base, global]).route.communities).toEqual(['64512:120', '64512:300:100', '64512:7'])
    const own = configuration({ prefixAdvertisements: [advertise(['64512:8'])] }, 'node.a')
    expect(ask(question, [...base, global, own]).route.communities).toEqual(['64512:8'])
    const empty = configuration({ prefixAdvertisements: [] }, 'node.a')
    expect(ask(question, [...base, global, empty]).route.communities).toHaveLength(3)
  })

  test.each([
    ['pending', 'accept', 'inside a pool'],
    ['confirmed', 'reject', 'inside an own block: the block stands for it'],
    ['pendingDeletion', 'reject', 'inside an own block: the block stands for it'],
  ])('an address of a %s block: %s', (state, verdict, rule) => {
    const answer = ask({ from: 'kernel:cali1', prefix: '10.244.2.5/32', to: MESH }, [
      ...base,
      block('a', '10.244.2.0/26', state),
    ])
    expect([answer.verdict, answer.why.rule]).toEqual([verdict, rule])
  })

  test('a reflector passes clients’ routes and others’ service addresses on', () => {
    const documents = [
      configuration({
        nodeToNodeMeshEnabled: false,
        serviceLoadBalancerIPs: [{ cidr: '203.0.113.0/24' }],
        serviceLoadBalancerAggregation: 'Disabled',
      }),
      node('rr', '10.0.1.1/24', { routeReflectorClusterID: '244.0.0.1' }, { rr: 'true' }),
      node('a', '10.0.0.1/24'),
      node('b', '10.0.0.2/24'),
      peer('rr', { nodeSelector: 'all()', peerSelector: "rr == 'true'" }),
      pool('10.244.0.0/16'),
    ]
    const question = { from: 'Node_10_0_0_1', to: 'Node_10_0_0_2' }
    expect(ask({ ...question, prefix: '10.244.1.0/26' }, documents, 'rr').verdict).toBe('accept')
    expect(ask({ ...question, prefix: '203.0.113.7/32' }, documents, 'rr').why.rule).toContain('route reflector')
    expect(ask({ ...question, prefix: '198.51.100.0/24' }, documents, 'rr').verdict).toBe('reject')
  })
})

describe('import from peers (calico.md 2.7)', () => {
  test('everything is accepted, a default route too', () => {
    expect(ask({ from: TOR, prefix: '0.0.0.0/0', to: 'kernel' }).verdict).toBe('accept')
  })

  test('an elevated route is preferred over everything learned', () => {
    const ranked = (localPref: number) =>
      ask({ from: MESH, prefix: '10.244.7.5/32', to: 'kernel', attributes: { localPref } }).route.preference
    expect(ranked(2147483647 - 512)).toBe(200)
    expect(ranked(2147483647 - 1024)).toBe(100)
    expect(ranked(100)).toBe(100)
  })

  test('our own AS in the path ends it', () => {
    const answer = ask({ from: TOR, prefix: '198.51.100.0/24', to: 'kernel', attributes: { asPath: [65001, 64512] } })
    expect(answer.why.rule).toContain('AS_PATH loop')
  })

  test('with requirePolicy nothing passes an eBGP session without a filter for it (RFC 8212)', () => {
    const tor = (filters: string[]) =>
      peer(
        'tor',
        { peerIP: '192.0.2.1', asNumber: 65001, reversePeering: 'Manual', filters },
        { annotations: { 'starling.io/require-policy': 'true' } },
      )
    const only = filter('only-export', { exportV4: [{ action: 'Accept' }] })
    const with_ = (filters: string[]) => [...base.filter((_, i) => i !== 3), only, tor(filters)]
    const exported = (filters: string[]) =>
      ask({ from: 'static', prefix: '10.244.1.0/26', to: TOR }, with_(filters)).verdict
    const imported = (filters: string[]) => ask({ from: TOR, prefix: '198.51.100.0/24', to: 'kernel' }, with_(filters))
    expect([exported([]), exported(['only-export'])]).toEqual(['reject', 'accept'])
    expect(imported([]).verdict).toBe('reject')
    expect(imported(['only-export']).verdict).toBe('reject')
    expect(ask({ from: 'static', prefix: '10.244.1.0/26', to: MESH }, with_([])).verdict).toBe('accept')
  })

  describe('strict import', () => {
    const tor = (filters: readonly string[]) => [
      ...base.filter((_, i) => i !== 3),
      peer(
        'tor',
        { peerIP: '192.0.2.1', asNumber: 65001, filters },
        { annotations: { 'starling.io/strict-import': 'true' } },
      ),
      filter('wanted', {
        importV4: [
          { action: 'Accept', cidr: '0.0.0.0/0', matchOperator: 'Equal' },
          { action: 'Accept', cidr: '10.99.0.0/16', matchOperator: 'In' },
          { action: 'Accept', cidr: '10.244.0.0/16', matchOperator: 'In' },
        ],
      }),
    ]
    test.each([
      ['the default route', '0.0.0.0/0', 'reject', 'accept'],
      ['our own pool space, filter or not', '10.244.7.0/26', 'reject', 'reject'],
      ['a private prefix', '10.99.1.0/24', 'reject', 'accept'],
      ['one no filter speaks of', '192.168.7.0/24', 'reject', 'reject'],
      ['shared address space', '100.64.0.0/16', 'reject', 'reject'],
      ['a martian', '169.254.1.0/24', 'reject', 'reject'],
      ['multicast', '224.0.0.0/4', 'reject', 'reject'],
      ['an ordinary prefix', '198.51.100.0/24', 'accept', 'accept'],
      ['one that only covers private space', '8.0.0.0/6', 'accept', 'accept'],
    ] as const)('%s: %s is met by %s, with a filter that accepts some by %s', (_what, prefix, plain, filtered) => {
      const verdict = (filters: readonly string[]) => ask({ from: TOR, prefix, to: 'kernel' }, tor(filters)).verdict
      expect([verdict([]), verdict(['wanted'])]).toEqual([plain, filtered])
    })
  })
})

describe('filters (calico.md 1.6)', () => {
  const withRules = (rules: unknown[], more: unknown[] = [], list = 'exportV4') => [
    ...base.filter((_, i) => i !== 3),
    peer('tor', { peerIP: '192.0.2.1', asNumber: 65001, filters: ['first', 'second'] }),
    filter('first', { [list]: rules }),
    filter('second', { [list]: more }),
  ]
  const rows: [what: string, rule: Record<string, unknown>, prefix: string, matched: boolean][] = [
    ['no criteria', {}, '10.244.1.0/26', true],
    ['Equal', { cidr: '10.244.1.0/26', matchOperator: 'Equal' }, '10.244.1.0/26', true],
    ['Equal, longer prefix', { cidr: '10.244.0.0/16', matchOperator: 'Equal' }, '10.244.1.0/26', false],
    ['NotEqual', { cidr: '10.244.0.0/16', matchOperator: 'NotEqual' }, '10.244.1.0/26', true],
    ['In', { cidr: '10.244.0.0/16', matchOperator: 'In' }, '10.244.1.0/26', true],
    ['In, the CIDR itself', { cidr: '10.244.0.0/16', matchOperator: 'In' }, '10.244.0.0/16', true],
    ['In, shorter prefix', { cidr: '10.244.0.0/16', matchOperator: 'In' }, '10.0.0.0/8', false],
    ['NotIn', { cidr: '10.244.0.0/16', matchOperator: 'NotIn' }, '10.0.0.0/8', true],
    [
      'length inside',
      { cidr: '10.244.0.0/16', matchOperator: 'In', prefixLength: { min: 26, max: 26 } },
      '10.244.1.0/26',
      true,
    ],
    ['length below', { cidr: '10.244.0.0/16', matchOperator: 'In', prefixLength: { min: 27 } }, '10.244.1.0/26', false],
    ['length above', { cidr: '10.244.0.0/16', matchOperator: 'In', prefixLength: { max: 25 } }, '10.244.1.0/26', false],
    [
      'a minimum below the mask counts as the mask',
      { cidr: '10.244.0.0/16', matchOperator: 'In', prefixLength: { min: 8 } },
      '10.0.0.0/8',
      false,
    ],
    [
      'Equal with lengths means the set',
      { cidr: '10.244.0.0/16', matchOperator: 'Equal', prefixLength: { min: 26 } },
      '10.244.1.0/26',
      true,
    ],
    [
      'NotIn with lengths',
      { cidr: '10.244.0.0/16', matchOperator: 'NotIn', prefixLength: { min: 27 } },
      '10.244.1.0/26',
      true,
    ],
    ['source', { source: 'RemotePeers' }, '10.244.1.0/26', false],
    ['interface', { interface: 'eth*' }, '10.244.1.0/26', false],
    ['peer type', { peerType: 'eBGP' }, '10.244.1.0/26', true],
    ['other peer type', { peerType: 'iBGP' }, '10.244.1.0/26', false],
    ['priority of a normal route', { priority: 1024 }, '10.244.1.0/26', true],
    ['another priority', { priority: 512 }, '10.244.1.0/26', false],
    ['all criteria must hold', { peerType: 'eBGP', priority: 512 }, '10.244.1.0/26', false],
  ]
  test.each(rows)('%s', (_what, rule, prefix, matched) => {
    const answer = ask({ from: 'static', prefix, to: TOR }, withRules([{ ...rule, action: 'Reject' }]))
    expect(answer.why.resource === 'BGPFilter/first').toBe(matched)
  })

  test.each([
    ['communities', { communities: { values: ['64512:1'] } }, true],
    ['a large community', { communities: { values: ['64512:1:2'] } }, false],
    ['AS path', { asPathPrefix: [65001, 65002] }, true],
    ['AS path in another order', { asPathPrefix: [65002] }, false],
  ])('%s of a learned route', (_what, rule, matched) => {
    const documents = withRules([{ ...rule, action: 'Reject' }], [], 'importV4')
    const attributes = { communities: ['64512:1'], asPath: [65001, 65002, 65003] }
    const answer = ask({ from: TOR, prefix: '198.51.100.0/24', to: 'kernel', attributes }, documents)
    expect(answer.why.resource === 'BGPFilter/first').toBe(matched)
  })

  test('the first match ends it; no match falls through to the next filter and then to the built-in rules', () => {
    const never = { cidr: '192.0.2.0/24', matchOperator: 'In', action: 'Reject' }
    const question = { from: 'static', prefix: '10.244.1.0/26', to: TOR }
    const two = withRules([{ action: 'Accept' }, { action: 'Reject' }], [{ action: 'Reject' }])
    expect(ask(question, two).why).toMatchObject({ resource: 'BGPFilter/first', field: 'spec.exportV4[0]' })
    expect(ask(question, withRules([never], [{ action: 'Reject' }])).why.resource).toBe('BGPFilter/second')
    expect(ask(question, withRules([never], [never])).why.rule).toBe('own block')
  })

  test('an Accept bypasses the built-in rules, disableBGPExport included', () => {
    const documents = withRules([{ action: 'Accept' }])
    expect(ask({ from: 'static', prefix: '10.66.0.0/26', to: TOR }, documents).verdict).toBe('accept')
    expect(ask({ from: 'static', prefix: '10.66.0.0/26', to: MESH }, documents).verdict).toBe('reject')
  })

  test('operations run in order and only with Accept', () => {
    const operations = [
      { addCommunity: { value: '64512:100' } },
      { prependASPath: { prefix: [64512, '1.10'] } },
      { setPriority: { value: 512 } },
    ]
    const question = { from: 'static', prefix: '10.244.1.0/26', to: TOR }
    const { route } = ask(question, withRules([{ action: 'Accept', operations }]))
    expect(route).toMatchObject({ communities: ['64512:100'], asPath: [64512, 65546], localPref: 2147483647 - 512 })
  })

  test('rules of the other family are another list', () => {
    const documents = withRules([{ action: 'Reject' }], [], 'exportV6')
    expect(ask({ from: 'static', prefix: '10.244.1.0/26', to: TOR }, documents).verdict).toBe('accept')
  })
})

describe('the interpreter', () => {
  const why = { resource: 'test', rule: 'test' }

  test.each([
    ['cali*', 'cali12', true],
    ['*.cali', 'wireguard.cali', true],
    ['*.cali', 'wireguard.calico', false],
    ['bpf*.cali', 'bpfin.cali', true],
    ['eth?', 'eth0', true],
    ['eth?', 'eth', false],
    ['eth?', 'eth10', false],
    ['*', '', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'axxbyy', false],
    ['.', 'x', false],
  ])('glob %s over %s: %s', (glob, text, expected) => {
    expect(globMatches(glob, text)).toBe(expected)
  })

  test('a term without a verdict goes on, and its actions stay', () => {
    const terms = [
      { why, conditions: [], actions: [{ kind: 'add-community' as const, value: '1:1' }] },
      { why, conditions: [{ kind: 'community' as const, any: ['1:1'] }], actions: [], verdict: 'accept' as const },
    ]
    expect(evaluatePolicy(terms, 'reject', bgp, session)).toMatchObject({
      verdict: 'accept',
      route: { communities: ['1:1'] },
    })
  })

  test('an empty list of ranges matches nothing, its negation everything', () => {
    const verdict = (negate: boolean) =>
      evaluatePolicy(
        [{ why, conditions: [{ kind: 'prefix', ranges: [], negate }], actions: [], verdict: 'accept' }],
        'reject',
        bgp,
        session,
      ).verdict
    expect([verdict(false), verdict(true)]).toEqual(['reject', 'accept'])
  })

  test('the steps say why each term did or did not apply', () => {
    const terms = [
      { why, conditions: [{ kind: 'local-pref' as const, operator: '>' as const, value: 200 }], actions: [] },
    ]
    expect(evaluatePolicy(terms, 'accept', bgp, session).steps).toEqual([
      { why, matched: false, failed: 'local-pref > 200', actions: [] },
    ])
  })

  test('questions that make no sense are answered with a text', () => {
    const result = planOf('a', base)
    const bad = (question: Question) => evaluate(result, question)
    expect(bad({ from: 'static', prefix: 'x', to: MESH })).toEqual({ error: "'x' is not a prefix" })
    expect(bad({ from: 'static', prefix: '::/0', to: 'nobody' })).toEqual({ error: "no peer 'nobody' in this plan" })
    expect(bad({ from: 'nobody', prefix: '::/0', to: MESH })).toHaveProperty('error')
    expect(bad({ from: 'static', prefix: '::/0', to: MESH })).toEqual({
      error: `${MESH} does not carry ipv6 routes`,
    })
  })

  test.each([
    [{ asPath: '64512' }, 'asPath is a list of AS numbers such as [64601,64602]'],
    [{ communities: ['x'] }, 'communities is a list of texts such as ["64512:100","64512:300:100"]'],
    [{ localPref: '100' }, 'localPref is a number from 0 to 4294967295, not "100"'],
    [{ nextHop: 'here' }, "nextHop 'here' is not an address"],
    [
      { weight: 1 },
      "'weight' is no attribute; there are localPref, med, metric, preference, interface, nextHop, asPath, communities",
    ],
  ])('attributes %j are refused', (attributes, error) => {
    const question = {
      from: 'static',
      prefix: '10.0.0.0/8',
      to: MESH,
      attributes: attributes as Question['attributes'],
    }
    expect(evaluate(planOf('a', base), question as Question)).toEqual({ error })
  })

  test('a route whose next hop is not told goes to the peer it came from', () => {
    const answer = evaluate(planOf('a', base), { from: MESH, prefix: '10.9.0.0/16', to: 'kernel' })
    expect(answer).toMatchObject({ verdict: 'accept', why: { rule: expect.stringContaining('unicast') } })
  })
})

test('unknown community names are left out and told', () => {
  const documents = [
    ...base,
    configuration({ prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['x', '1:1'] }] }),
  ]
  const result = planOf('a', documents)
  expect(result.communities[0]?.communities).toEqual(['1:1'])
  expect(result.problems).toMatchObject([{ resource: 'BGPConfiguration/default' }])
})

test('an unreadable document is a problem of the plan, and the rest goes on', () => {
  const result = planOf('a', [...base, calico('BGPFilter', 'bad', { exportV4: [{ action: 'Maybe' }] })])
  expect(result.problems).toMatchObject([
    { resource: 'BGPFilter/bad', field: 'spec.exportV4[0].action', severity: 'error' },
  ])
  expect(result.peers.size).toBe(3)
})
