import { parseAddress } from '@starling/bgp-packet/address'
import { describe, expect, test } from 'vitest'
import { type KernelCandidate, kernelRoute, type Plan } from './index.js'
import { block, calico, configuration, node, planOf, pool } from './testing.test.js'

const nodes = [node('a', '10.0.0.1/24'), node('b', '10.0.0.2/24')]
const bytes = (text: string): Uint8Array => parseAddress(text) as Uint8Array

function learned(prefix: string, nextHops: readonly string[], more: Partial<KernelCandidate> = {}): KernelCandidate {
  const [address, length] = prefix.split('/') as [string, string]
  return {
    family: prefix.includes(':') ? 'ipv6' : 'ipv4',
    address: bytes(address),
    length: Number(length),
    source: 'bgp',
    from: 'Mesh_10_0_0_2',
    nextHops: nextHops.map((text) => ({ address: bytes(text), weight: 1 })),
    localPref: undefined,
    metric: undefined,
    ...more,
  }
}

/** `via 10.0.0.2`, `via 10.0.0.2 dev tunl0 onlink`, `blackhole`, or `reject: why`. */
function verdict(plan: Plan, route: KernelCandidate): string {
  const result = kernelRoute(plan.kernel, route)
  if ('reject' in result) return `reject: ${result.reject.rule}`
  const { kind, nextHops } = result.route
  if (kind !== 'unicast') return kind
  return nextHops
    .map(
      ({ gateway, device, onlink }) =>
        `via ${gateway?.join('.')}${device ? ` dev ${device}` : ''}${onlink ? ' onlink' : ''}`,
    )
    .join(', ')
}

describe('pools and who programs them (calico.md 2.12)', () => {
  const REJECT = (value: string) => `reject: programClusterRoutes ${value}: Felix programs it`
  const rows: [pool: object, program: string | undefined, nextHop: string, expected: string][] = [
    [{}, undefined, '10.0.0.2', 'via 10.0.0.2'],
    [{}, 'Enabled', '10.0.0.2', 'via 10.0.0.2'],
    [{}, 'EnabledNoEncapOnly', '10.0.0.2', 'via 10.0.0.2'],
    [{}, 'EnabledIPIPOnly', '10.0.0.2', REJECT('EnabledIPIPOnly')],
    [{}, 'Disabled', '10.0.0.2', REJECT('Disabled')],
    [{}, 'SomethingNew', '10.0.0.2', 'via 10.0.0.2'],
    [{ ipipMode: 'Always' }, undefined, '10.0.0.2', REJECT('EnabledNoEncapOnly')],
    [{ ipipMode: 'Always' }, 'SomethingNew', '10.0.0.2', REJECT('EnabledNoEncapOnly')],
    [{ ipipMode: 'Always' }, 'Enabled', '10.0.0.2', 'via 10.0.0.2 dev tunl0 onlink'],
    [{ ipipMode: 'Always' }, 'EnabledIPIPOnly', '10.0.0.2', 'via 10.0.0.2 dev tunl0 onlink'],
    [{ ipipMode: 'Always' }, 'Disabled', '10.0.0.2', REJECT('Disabled')],
    [{ ipipMode: 'CrossSubnet' }, 'Enabled', '10.0.0.2', 'via 10.0.0.2'],
    [{ ipipMode: 'CrossSubnet' }, 'Enabled', '10.0.1.2', 'via 10.0.1.2 dev tunl0 onlink'],
    [{ ipipMode: 'CrossSubnet' }, undefined, '10.0.1.2', REJECT('EnabledNoEncapOnly')],
    [{ vxlanMode: 'Always' }, 'Enabled', '10.0.0.2', 'reject: VXLAN routes are Felix’s'],
    [{ vxlanMode: 'CrossSubnet' }, 'Enabled', '10.0.0.2', 'reject: VXLAN routes are Felix’s'],
    [{ disabled: true }, undefined, '10.0.0.2', 'via 10.0.0.2'],
  ]
  test.each(rows)('pool %o with %s, next hop %s: %s', (spec, program, nextHop, expected) => {
    const documents = [...nodes, pool('10.244.0.0/16', spec as Record<string, unknown>)]
    if (program !== undefined) documents.push(configuration({ programClusterRoutes: program }))
    expect(verdict(planOf('a', documents), learned('10.244.7.0/26', [nextHop]))).toBe(expected)
  })

  const ipip = [...nodes, pool('10.244.0.0/16', { ipipMode: 'Always' })]
  test.each([
    ['v3.29.1', undefined, 'via 10.0.0.2 dev tunl0 onlink'],
    ['v3.32.1', undefined, 'via 10.0.0.2 dev tunl0 onlink'],
    ['v3.32.1', 'Disabled', REJECT('Disabled')],
    ['v3.33.0', undefined, REJECT('EnabledNoEncapOnly')],
    ['v4.0.0', undefined, REJECT('EnabledNoEncapOnly')],
    ['master', undefined, REJECT('EnabledNoEncapOnly')],
  ])('an IPIP pool on Calico %s with %s: %s', (calicoVersion, program, expected) => {
    const documents = [...ipip, calico('ClusterInformation', 'default', { calicoVersion })]
    if (program !== undefined) documents.push(configuration({ programClusterRoutes: program }))
    expect(verdict(planOf('a', documents), learned('10.244.7.0/26', ['10.0.0.2']))).toBe(expected)
  })

  test.each([
    ['EnabledIPIPOnly', undefined, []],
    ['Disabled', 'Enabled', []],
    ['Enabled', 'Disabled', []],
    ['Enabled', undefined, ['both Felix and BGP program unencapsulated routes']],
    ['Disabled', undefined, ['neither Felix nor BGP programs IPIP routes']],
  ])('Felix %s beside BGP %s: %o', (felix, program, expected) => {
    const documents = [...ipip, calico('FelixConfiguration', 'default', { programClusterRoutes: felix })]
    if (program !== undefined) documents.push(configuration({ programClusterRoutes: program }))
    expect(planOf('a', documents).problems.map(({ message }) => message.split(': ')[1])).toEqual(expected)
  })

  test('a router on a link is reached over that link, whatever the pool says', () => {
    const plan = planOf('a', [
      ...nodes,
      pool('10.244.0.0/16', { ipipMode: 'Always' }),
      configuration({ programClusterRoutes: 'Enabled' }),
    ])
    const nextHops = ['eth0', 'eth1'].map((device) => ({ address: bytes('fe80::1'), device, weight: 1 }))
    for (const prefix of ['10.244.7.0/26', '198.51.100.0/24', '2001:db8::/48']) {
      const via = (device: string) => `via 254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1 dev ${device}`
      expect(verdict(plan, learned(prefix, [], { nextHops }))).toBe(`${via('eth0')}, ${via('eth1')}`)
    }
  })

  test('every next hop of a multipath route goes through the tunnel', () => {
    const plan = planOf('a', [
      ...nodes,
      pool('10.244.0.0/16', { ipipMode: 'Always' }),
      configuration({ programClusterRoutes: 'Enabled' }),
    ])
    expect(verdict(plan, learned('10.244.7.0/26', ['10.0.0.2', '10.0.1.2']))).toBe(
      'via 10.0.0.2 dev tunl0 onlink, via 10.0.1.2 dev tunl0 onlink',
    )
  })

  test('outside every pool a route is written as it is', () => {
    const plan = planOf('a', [...nodes, pool('10.244.0.0/16')])
    expect(verdict(plan, learned('0.0.0.0/0', ['10.0.0.254']))).toBe('via 10.0.0.254')
  })

  test('own blackholes follow their pool', () => {
    const own = learned('10.244.1.0/26', [], { source: 'static', local: { kind: 'blackhole' } })
    expect(verdict(planOf('a', [...nodes, pool('10.244.0.0/16')]), own)).toBe('blackhole')
    expect(verdict(planOf('a', [...nodes, pool('10.244.0.0/16', { vxlanMode: 'Always' })]), own)).toContain('reject')
    const owned = [
      ...nodes,
      pool('10.244.0.0/16', { ipipMode: 'Always' }),
      configuration({ programClusterRoutes: 'Enabled' }),
    ]
    expect(verdict(planOf('a', owned), own)).toBe('blackhole')
  })

  test('an IPv6 pool without encapsulation is written plainly', () => {
    const plan = planOf('v6', [node('v6', 'fd00:a::1/64'), pool('fd00:10::/48')])
    const result = kernelRoute(plan.kernel, learned('fd00:10::/122', ['fd00:a::2']))
    expect(result).toMatchObject({ route: { kind: 'unicast', destination: { family: 6, length: 122 } } })
  })

  test('a node without an IPv4 subnet has no IPv4 pool rules', () => {
    const plan = planOf('v6', [node('v6', 'fd00:a::1/64'), pool('10.244.0.0/16', { vxlanMode: 'Always' })])
    expect(plan.kernel.pools).toEqual([])
  })
})

describe('metrics (calico.md 2.12 step 2)', () => {
  const plan = planOf('a', nodes)
  const metric = (more: Partial<KernelCandidate>) => {
    const result = kernelRoute(plan.kernel, learned('10.244.7.0/26', ['10.0.0.2'], more))
    return 'route' in result ? result.route.metric : undefined
  }
  test.each([
    ['a node of v3.32 or later', { localPref: 2147482623 }, 1024],
    ['an elevated route', { localPref: 2147483647 - 512 }, 512],
    ['an older node, or eBGP', { localPref: 100 }, 2147483547],
    ['no LOCAL_PREF at all', {}, 2147483547],
    ['a metric that policy gave', { localPref: 100, metric: 77 }, 77],
    ['a LOCAL_PREF beyond the scale', { localPref: 4294967295 }, 0],
    ['a static route', { source: 'static' as const, local: { kind: 'blackhole' as const } }, undefined],
  ])('%s', (_what, more, expected) => {
    expect(metric(more)).toBe(expected)
  })
})

describe('what never enters the kernel', () => {
  test('service ranges, whatever is inside them', () => {
    const plan = planOf('a', [...nodes, configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })])
    expect(verdict(plan, learned('10.96.0.0/12', ['10.0.0.2']))).toContain('reject')
    expect(verdict(plan, learned('10.100.1.1/32', ['10.0.0.2']))).toContain('reject')
    expect(verdict(plan, learned('10.0.0.0/8', ['10.0.0.2']))).toBe('via 10.0.0.2')
  })

  test('routes the kernel has by itself', () => {
    const plan = planOf('a', nodes)
    expect(verdict(plan, learned('10.0.0.0/24', [], { source: 'direct' }))).toContain('kernel’s own')
    expect(verdict(plan, learned('10.9.0.0/24', [], { source: 'kernel' }))).toContain('kernel’s own')
  })

  test('routes through a WireGuard node, when we are one too', () => {
    const wg = (name: string, address: string) => ({
      ...(node(name, address) as object),
      spec: { bgp: { ipv4Address: address }, wireguard: { interfaceIPv4Address: '10.244.0.9' } },
    })
    const route = learned('10.244.7.0/26', ['10.0.0.2'])
    expect(verdict(planOf('a', [wg('a', '10.0.0.1/24'), wg('b', '10.0.0.2/24')]), route)).toContain('WireGuard')
    expect(verdict(planOf('a', [wg('a', '10.0.0.1/24'), node('b', '10.0.0.2/24')]), route)).toBe('via 10.0.0.2')
    expect(verdict(planOf('a', [node('a', '10.0.0.1/24'), wg('b', '10.0.0.2/24')]), route)).toBe('via 10.0.0.2')
  })
})

test('a static route through a gateway is written so', () => {
  const plan = planOf('a', nodes)
  const route = learned('192.0.2.1/32', [], { source: 'static', local: { kind: 'via', gateway: '10.0.0.254' } })
  expect(verdict(plan, route)).toBe('via 10.0.0.254')
})

test('own blocks: blackholes, save single addresses and pending claims', () => {
  const documents = [
    ...nodes,
    block('a', '10.244.1.0/26'),
    block('a', '10.244.2.0/26', 'pendingDeletion'),
    block('a', '10.244.3.0/26', 'pending'),
    block('a', '10.244.4.1/32'),
    block('b', '10.244.5.0/26'),
    block('a', 'fd00:10::40/122'),
  ]
  const { localRoutes } = planOf('a', documents)
  expect(localRoutes.map(({ prefix }) => prefix)).toEqual(['10.244.1.0/26', '10.244.2.0/26', 'fd00:10::40/122'])
  expect(localRoutes[0]).toMatchObject({ target: { kind: 'blackhole' }, source: 'static', label: 'own block' })
})
