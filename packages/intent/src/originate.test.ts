import { describe, expect, test } from 'vitest'
import { configuration, node, planOf } from './testing.test.js'

const EXCLUDE = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
const ranges = {
  serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
  serviceExternalIPs: [{ cidr: '198.51.100.0/24' }, { cidr: '198.51.99.7/32' }],
  serviceLoadBalancerIPs: [{ cidr: '203.0.113.0/24' }, { cidr: '203.0.112.9/32' }],
}
const RANGES = ['10.96.0.0/12', '198.51.100.0/24', '203.0.113.0/24']

function service(spec: Record<string, unknown>, ingress: string[] = [], name = 'web'): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', clusterIP: '10.100.0.1', clusterIPs: ['10.100.0.1'], ...spec },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  }
}

function slice(
  nodeName: string,
  conditions?: { ready?: boolean },
  address = '10.244.1.5',
  name = `web-${nodeName}`,
): unknown {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], nodeName, ...(conditions === undefined ? {} : { conditions }) }],
  }
}

function originated(
  documents: readonly unknown[],
  spec: Record<string, unknown> = ranges,
  labels: Record<string, string> = {},
) {
  return planOf('a', [node('a', '10.0.0.1/24', {}, labels), configuration(spec), ...documents])
}
const prefixes = (...given: Parameters<typeof originated>) =>
  originated(...given).localRoutes.map(({ prefix }) => prefix)

describe('service ranges (calico.md 2.9)', () => {
  test('every range longer than one address is originated and kept out of the kernel', () => {
    const result = originated([])
    expect(result.localRoutes.map(({ prefix }) => prefix)).toEqual(RANGES)
    expect(result.kernel.rejectCidrs.map(({ cidr }) => cidr).sort()).toEqual(RANGES)
    expect(result.localRoutes.every(({ target }) => target.kind === 'blackhole')).toBe(true)
  })

  test('without aggregation the load balancer range is not', () => {
    expect(prefixes([], { ...ranges, serviceLoadBalancerAggregation: 'Disabled' })).toEqual(RANGES.slice(0, 2))
  })

  test('an excluded node originates nothing and still keeps them out of the kernel', () => {
    const result = originated([service({ externalTrafficPolicy: 'Local' }), slice('a')], ranges, EXCLUDE)
    expect(result.localRoutes).toEqual([])
    expect(result.kernel.rejectCidrs).toHaveLength(3)
  })

  test('the Kubernetes node may carry the label as well', () => {
    const kubernetes = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'k', labels: EXCLUDE } }
    const documents = [node('a', '10.0.0.1/24'), configuration(ranges), kubernetes]
    expect(planOf('a', documents, { kubernetesNodeName: 'k' }).localRoutes).toEqual([])
    expect(planOf('a', documents).localRoutes).toHaveLength(3)
  })

  test('CALICO_ADVERTISE_CLUSTER_IPS replaces the cluster ranges', () => {
    const documents = [node('a', '10.0.0.1/24'), configuration(ranges)]
    const result = planOf('a', documents, { advertiseClusterIps: '10.32.0.0/16' })
    expect(result.localRoutes.map(({ prefix }) => prefix)).toEqual(['10.32.0.0/16', ...RANGES.slice(1)])
    expect(planOf('a', documents, { advertiseClusterIps: 'x' }).problems).toMatchObject([
      { resource: 'CALICO_ADVERTISE_CLUSTER_IPS' },
    ])
  })
})

describe('single services (calico.md 2.9)', () => {
  const local = { externalTrafficPolicy: 'Local' }
  const rows: [what: string, documents: unknown[], spec: Record<string, unknown>, expected: string[]][] = [
    [
      'Local with a ready endpoint here',
      [service(local, ['203.0.113.7']), slice('a')],
      ranges,
      ['10.100.0.1/32', '203.0.113.7/32'],
    ],
    ['Local with the endpoint elsewhere', [service(local, ['203.0.113.7']), slice('b')], ranges, []],
    ['Local, endpoint not ready', [service(local), slice('a', { ready: false })], ranges, []],
    ['Local, readiness not said', [service(local), slice('a', {})], ranges, ['10.100.0.1/32']],
    ['Local, endpoint of another family', [service(local), slice('a', {}, 'fd00::5')], ranges, []],
    ['Local, slice of another service', [service(local, [], 'api'), slice('a')], ranges, []],
    ['Cluster with aggregation: the range stands for it', [service({}, ['203.0.113.7']), slice('a')], ranges, []],
    [
      'Cluster, load balancer IP listed by itself',
      [service({}, ['203.0.112.9'])],
      ranges,
      ['10.100.0.1/32', '203.0.112.9/32'],
    ],
    ['the same by spec.loadBalancerIP', [service({ loadBalancerIP: '203.0.112.9' })], ranges, ['10.100.0.1/32']],
    [
      'Cluster, external IP listed by itself',
      [service({ type: 'NodePort', externalIPs: ['198.51.99.7'] })],
      ranges,
      ['10.100.0.1/32', '198.51.99.7/32'],
    ],
    [
      'an external IP outside every list',
      [service({ ...local, externalIPs: ['192.0.2.5'] }), slice('a')],
      ranges,
      ['10.100.0.1/32'],
    ],
    [
      'no aggregation, an endpoint anywhere',
      [service({}, ['203.0.113.7']), slice('b')],
      { ...ranges, serviceLoadBalancerAggregation: 'Disabled' },
      ['10.100.0.1/32', '203.0.113.7/32'],
    ],
    [
      'no aggregation, no endpoint',
      [service({}, ['203.0.113.7'])],
      { ...ranges, serviceLoadBalancerAggregation: 'Disabled' },
      [],
    ],
    [
      'no cluster range: no cluster IP',
      [service(local, ['203.0.113.7']), slice('a')],
      { ...ranges, serviceClusterIPs: [] },
      ['203.0.113.7/32'],
    ],
    ['headless', [service({ ...local, clusterIP: 'None', clusterIPs: ['None'] }), slice('a')], ranges, []],
    ['ExternalName', [service({ ...local, type: 'ExternalName' }), slice('a')], ranges, []],
    [
      'both families',
      [service({ ...local, clusterIPs: ['10.100.0.1', 'fd00:96::1'] }), slice('a', {}, 'fd00::5')],
      ranges,
      ['10.100.0.1/32', 'fd00:96::1/128'],
    ],
  ]
  test.each(rows)('%s', (_what, documents, spec, expected) => {
    expect(prefixes(documents, spec).filter((prefix) => /\/(32|128)$/.test(prefix))).toEqual(expected)
  })

  test('an address of two services is one route, withdrawn with the last', () => {
    const two = [
      service(local, ['203.0.113.7']),
      service({ ...local, clusterIPs: ['10.100.0.2'] }, ['203.0.113.7'], 'other'),
    ]
    const slices = [
      slice('a'),
      {
        ...(slice('a') as object),
        metadata: { name: 'o', namespace: 'default', labels: { 'kubernetes.io/service-name': 'other' } },
      },
    ]
    const count = (documents: unknown[]) => prefixes(documents).filter((prefix) => prefix === '203.0.113.7/32').length
    expect(count([...two, ...slices])).toBe(1)
    expect(count([...two, slices[1]])).toBe(1)
    expect(count([...two])).toBe(0)
  })

  test('every route says which service and why', () => {
    const { localRoutes } = originated([service(local), slice('a')])
    expect(localRoutes.find(({ prefix }) => prefix === '10.100.0.1/32')).toMatchObject({
      label: 'service default/web',
      why: { resource: 'Service/default/web', rule: 'externalTrafficPolicy Local and a ready endpoint here' },
    })
  })
})
