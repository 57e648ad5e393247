import { type ResourceKind, resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { detectAddress, type HostInterface, parseMethod, type Surroundings } from './autodetect.js'
import { createDefaultResources } from './defaults.js'
import { nodeName, nodeOptionsFromEnv } from './environment.js'
import { createDefaultPools, registerNode, type StartupContext } from './startup.js'
import { cluster, NOW, put } from './testing/index.js'

const iface = (name: string, ...cidrs: string[]): HostInterface => ({
  name,
  addresses: cidrs.map((cidr) => ({ address: cidr.split('/')[0] ?? '', length: Number(cidr.split('/')[1]) })),
})

const HOST: Surroundings = {
  interfaces: [
    iface('lo', '127.0.0.1/8', '::1/128'),
    iface('eth0', '169.254.1.1/16', '10.0.0.11/24', '192.0.2.11/25', 'fe80::1/64', 'fd00:a::11/64'),
    iface('eth1', '172.16.5.11/20'),
    iface('docker0', '172.17.0.1/16'),
    iface('cali12345', '169.254.1.1/32'),
  ],
  reachableFrom: ['10.0.0.11', 'fd00:a::11'],
  kubernetesAddresses: ['fd00:a::11', '192.0.2.200'],
}

describe('address autodetection (calico.md 5.2)', () => {
  const rows: readonly [method: string, family: 'ipv4' | 'ipv6', expected: string | undefined, why: string][] = [
    ['', 'ipv4', '172.16.5.11/20', 'the highest index first, excluded interfaces skipped'],
    ['first-found', 'ipv6', 'fd00:a::11/64', 'link-local addresses do not count'],
    ['interface=eth0', 'ipv4', '10.0.0.11/24', 'addresses in listing order, link-local skipped'],
    ['interface=docker.*', 'ipv4', '172.17.0.1/16', 'default exclusions do not apply'],
    ['interface=nothing,eth1', 'ipv4', '172.16.5.11/20', 'any of the patterns'],
    ['interface=eth0,eth1', 'ipv4', '172.16.5.11/20', 'the order of the interfaces counts, not that of the patterns'],
    ['interface=eth0', 'ipv6', 'fd00:a::11/64', 'link-local skipped in IPv6 too'],
    ['interface=lo', 'ipv6', undefined, 'loopback addresses are not global'],
    ['skip-interface=eth1', 'ipv6', 'fd00:a::11/64', 'what is skipped has none of the family'],
    ['skip-interface=eth0', 'ipv6', undefined, 'the only one with an address is skipped'],
    ['cidr=fd00:a::/32', 'ipv6', 'fd00:a::11/64', 'an IPv6 CIDR'],
    ['cidr=10.0.0.0/8,fd00:a::/32', 'ipv6', 'fd00:a::11/64', 'CIDRs of both families in one list'],
    ['cidr=fe80::/10', 'ipv6', undefined, 'link-local addresses do not count, inside or not'],
    ['can-reach=2001:db8::1', 'ipv6', 'fd00:a::11/64', 'the source of the family, with its mask'],
    ['interface=eth', 'ipv4', '172.16.5.11/20', 'patterns are not anchored'],
    ['interface=ens.*', 'ipv4', undefined, 'no such interface'],
    ['skip-interface=eth1', 'ipv4', '10.0.0.11/24', 'more exclusions'],
    ['skip-interface=eth.*', 'ipv4', undefined, 'default exclusions stay'],
    ['cidr=192.0.2.0/24', 'ipv4', '192.0.2.11/25', 'any address inside'],
    ['cidr=10.99.0.0/16,172.17.0.0/16', 'ipv4', '172.17.0.1/16', 'any interface, any CIDR'],
    ['can-reach=www.example.com', 'ipv4', '10.0.0.11/24', 'with the mask of its interface'],
    ['kubernetes-internal-ip', 'ipv4', '192.0.2.200/32', 'bare when no interface has it'],
    ['kubernetes-internal-ip', 'ipv6', 'fd00:a::11/64', 'the first of its family'],
  ]
  test.each(rows)('%s (%s) gives %s: %s', (text, family, expected) => {
    const method = parseMethod(text)
    if ('error' in method) throw new Error(method.error)
    expect(detectAddress(method, family, HOST)).toBe(expected)
  })

  test.each(['last-found', 'interface=', 'interface=[', 'cidr=10.0.0.0/99', 'can-reach='])('%s is refused', (text) => {
    expect(parseMethod(text)).toHaveProperty('error')
  })
})

describe('the environment (calico.md 5.3)', () => {
  test.each([
    [{ NODENAME: ' Worker-1 ' }, 'stored', 'Worker-1'],
    [{ HOSTNAME: 'Host' }, ' stored\n', 'stored'],
    [{ HOSTNAME: ' Host ' }, undefined, 'host'],
    [{}, undefined, 'os-name'],
  ] as const)('node name from %o and file %o is %s', (env, file, expected) => {
    expect(nodeName(env, { hostname: 'OS-Name', ...(file === undefined ? {} : { nodenameFile: file }) })).toBe(expected)
  })

  test('defaults', () => {
    const { options, problems } = nodeOptionsFromEnv({}, { hostname: 'a' })
    expect(problems).toEqual([])
    expect(options).toMatchObject({
      name: 'a',
      backend: 'bird',
      ipMethod: 'first-found',
      pollInterval: 60_000,
      checkAddressConflicts: true,
      defaultPools: true,
      secretNamespace: 'kube-system',
      ipv4Pool: { blockSize: 26, ipipMode: 'Never', vxlanMode: 'Never', natOutgoing: true },
      ipv6Pool: { blockSize: 122, natOutgoing: false },
    })
  })

  test('values in the forms that manifests use', () => {
    const { options, problems } = nodeOptionsFromEnv(
      {
        CALICO_IPV4POOL_IPIP: 'Off',
        CALICO_IPV4POOL_VXLAN: 'CrossSubnet',
        CALICO_IPV4POOL_BLOCK_SIZE: '24',
        CALICO_IPV4POOL_NAT_OUTGOING: 'False',
        AS: '1.10',
        AUTODETECT_POLL_INTERVAL: '2m',
        NO_DEFAULT_POOLS: '1',
      },
      { hostname: 'a' },
    )
    expect(problems).toEqual([])
    expect(options).toMatchObject({
      asNumber: 65546,
      pollInterval: 120_000,
      defaultPools: false,
      ipv4Pool: { ipipMode: 'Never', vxlanMode: 'CrossSubnet', blockSize: 24, natOutgoing: false },
    })
  })

  test('what cannot be read is named and its default stands in', () => {
    const env = {
      AS: 'many',
      CALICO_IPV4POOL_BLOCK_SIZE: '19',
      CALICO_NETWORKING_BACKEND: 'cilium',
      DISABLE_NODE_IP_CHECK: 'perhaps',
    }
    const { options, problems } = nodeOptionsFromEnv(env, { hostname: 'a' })
    expect(problems.map(({ variable }) => variable).sort()).toEqual(Object.keys(env).sort())
    expect(options).toMatchObject({ backend: 'bird', checkAddressConflicts: true, ipv4Pool: { blockSize: 26 } })
  })
})

describe('the Node resource', () => {
  async function start(env: Record<string, string>, more: Record<string, unknown> = {}) {
    const { datastore } = await cluster([], more)
    let ids = 0
    const context: StartupContext = { datastore, now: () => NOW, uuid: () => `uid-${++ids}` }
    const { options } = nodeOptionsFromEnv({ NODENAME: 'worker-1', ...env }, { hostname: 'x' })
    const value = async () => JSON.parse((await datastore.get(resourceKey('Node', 'worker-1')))?.value ?? 'null')
    return { datastore, context, options, value }
  }

  test('is made as Calico makes it', async () => {
    const { context, options, value } = await start({
      IP_AUTODETECTION_METHOD: 'interface=eth0',
      AS: '64512',
      CALICO_K8S_NODE_REF: 'k8s-1',
    })
    expect(await registerNode(context, options, HOST)).toMatchObject({ ipv4Address: '10.0.0.11/24', changed: true })
    expect(await value()).toEqual({
      kind: 'Node',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'worker-1', uid: 'uid-1', creationTimestamp: '2026-08-01T09:12:40Z' },
      spec: {
        bgp: { ipv4Address: '10.0.0.11/24', asNumber: 64512 },
        orchRefs: [{ nodeName: 'k8s-1', orchestrator: 'k8s' }],
      },
      status: {},
    })
    expect(await registerNode(context, options, HOST)).toMatchObject({ changed: false })
  })

  test('keeps everything it does not know and the address it has', async () => {
    const standing = {
      kind: 'Node',
      metadata: { name: 'worker-1', labels: { rack: 'r1' } },
      spec: { bgp: { ipv4Address: '10.0.0.99/24', routeReflectorClusterID: '244.0.0.1' }, future: { x: 1 } },
    }
    const { context, options, value } = await start({}, { [resourceKey('Node', 'worker-1')]: standing })
    await registerNode(context, options, HOST)
    expect(await value()).toMatchObject(standing)
  })

  test('names no Kubernetes node that nobody named', async () => {
    const { context, options, value } = await start({ IP: '10.0.0.11' })
    await registerNode(context, options, HOST)
    expect((await value()).spec).not.toHaveProperty('orchRefs')
  })

  const listed: readonly [env: Record<string, string>, expected: unknown, why: string][] = [
    [{}, undefined, 'nothing is asked of the interfaces'],
    [{ IP: 'none', IP6: 'none' }, undefined, 'none is nothing'],
    [
      { IP: 'autodetect' },
      [
        { name: 'eth0', addresses: ['169.254.1.1', '10.0.0.11', '192.0.2.11'] },
        { name: 'eth1', addresses: ['172.16.5.11'] },
      ],
      'in order of names, without excluded ones',
    ],
    [
      { IP6: 'autodetect', IP: 'none' },
      [{ name: 'eth0', addresses: ['fe80::1', 'fd00:a::11'] }, { name: 'eth1' }],
      'of that family only',
    ],
    [
      { IP: '10.0.0.11', IP6: 'autodetect' },
      [
        { name: 'eth0', addresses: ['169.254.1.1', '10.0.0.11', '192.0.2.11', 'fe80::1', 'fd00:a::11'] },
        { name: 'eth1', addresses: ['172.16.5.11'] },
      ],
      'of both',
    ],
  ]
  test.each(listed)('with %o spec.interfaces is %o: %s', async (env, expected) => {
    const standing = { kind: 'Node', metadata: { name: 'worker-1' }, spec: { bgp: { ipv4Address: '10.0.0.11/24' } } }
    const { context, options, value } = await start(env, { [resourceKey('Node', 'worker-1')]: standing })
    await registerNode(context, options, HOST)
    expect((await value()).spec.interfaces).toEqual(expected)
  })

  test('an IPv6 address that was asked for and cannot be found is an error, unless there is an old one', async () => {
    const env = { IP: '10.0.0.11', IP6: 'autodetect', IP6_AUTODETECTION_METHOD: 'interface=none.*' }
    const { context, options } = await start(env)
    await expect(registerNode(context, options, HOST)).rejects.toThrow('interface=none.*')
    const old = { kind: 'Node', metadata: { name: 'worker-1' }, spec: { bgp: { ipv6Address: 'fd00:a::5/64' } } }
    const kept = await start(env, { [resourceKey('Node', 'worker-1')]: old })
    expect(await registerNode(kept.context, kept.options, HOST)).toMatchObject({ ipv6Address: 'fd00:a::5/64' })
  })

  test('kubernetes-internal-ip where nobody answers keeps the address there is, or says why it cannot work', async () => {
    const env = { IP: 'autodetect', IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip' }
    const lonely = { interfaces: HOST.interfaces, kubernetesAddresses: [], kubernetesFault: 'the API is not asked' }
    const { context, options } = await start(env)
    await expect(registerNode(context, options, lonely)).rejects.toThrow(
      /kubernetes-internal-ip: the API is not asked$/,
    )
    const old = { kind: 'Node', metadata: { name: 'worker-1' }, spec: { bgp: { ipv4Address: '10.0.0.5/24' } } }
    const kept = await start(env, { [resourceKey('Node', 'worker-1')]: old })
    expect(await registerNode(kept.context, kept.options, lonely)).toMatchObject({ ipv4Address: '10.0.0.5/24' })
  })

  test('a detected address that is another node’s clears the one this Node had', async () => {
    const nodes = {
      [resourceKey('Node', 'other')]: {
        kind: 'Node',
        metadata: { name: 'other' },
        spec: { bgp: { ipv4Address: '10.0.0.11/24' } },
      },
      [resourceKey('Node', 'worker-1')]: {
        kind: 'Node',
        metadata: { name: 'worker-1' },
        spec: { bgp: { ipv4Address: '10.0.0.5/24', asNumber: 65001 } },
      },
    }
    const env = { IP: 'autodetect', IP_AUTODETECTION_METHOD: 'interface=eth0' }
    const { context, options, value } = await start(env, nodes)
    await expect(registerNode(context, options, HOST)).rejects.toMatchObject({ code: 'address-in-use' })
    expect((await value()).spec.bgp).toEqual({ asNumber: 65001 })
  })

  test('a given address takes the mask of its interface', async () => {
    const { context, options } = await start({ IP: '192.0.2.11', IP6: 'autodetect' })
    expect(await registerNode(context, options, HOST)).toMatchObject({
      ipv4Address: '192.0.2.11/25',
      ipv6Address: 'fd00:a::11/64',
    })
  })

  test("another node's address is refused unless told otherwise", async () => {
    const other = { kind: 'Node', metadata: { name: 'other' }, spec: { bgp: { ipv4Address: '10.0.0.11/24' } } }
    const more = { [resourceKey('Node', 'other')]: other }
    const env = { IP: '10.0.0.11' }
    const careful = await start(env, more)
    await expect(registerNode(careful.context, careful.options, HOST)).rejects.toMatchObject({ code: 'address-in-use' })
    const bold = await start({ ...env, DISABLE_NODE_IP_CHECK: 'true' }, more)
    await expect(registerNode(bold.context, bold.options, HOST)).resolves.toBeDefined()
  })

  test('no address at all is an error that names the method', async () => {
    const { context, options } = await start({ IP_AUTODETECTION_METHOD: 'interface=none.*' })
    await expect(registerNode(context, options, HOST)).rejects.toThrow('interface=none.*')
  })
})

describe('default resources', () => {
  const started = async (env: Record<string, string>, more: Record<string, unknown> = {}) => {
    const { datastore } = await cluster([], more)
    let ids = 0
    const context: StartupContext = { datastore, now: () => NOW, uuid: () => `uid-${++ids}` }
    const { options } = nodeOptionsFromEnv({ NODENAME: 'w1', ...env }, { hostname: 'x' })
    const spec = async (kind: ResourceKind, name: string) =>
      JSON.parse((await datastore.get(resourceKey(kind, name)))?.value ?? 'null')?.spec
    return { context, options, spec, made: await createDefaultResources(context, options) }
  }

  test('are made where Calico makes them', async () => {
    const { made, spec, context, options } = await started({ CLUSTER_TYPE: 'k8s,bgp' })
    expect(made).toEqual([
      'ClusterInformation/default',
      'FelixConfiguration/default',
      'FelixConfiguration/node.w1',
      'BGPConfiguration/default',
    ])
    expect(await spec('ClusterInformation', 'default')).toEqual({
      clusterGUID: 'uid1',
      clusterType: 'k8s,bgp',
      datastoreReady: true,
    })
    expect(await spec('FelixConfiguration', 'default')).toEqual({ logSeverityScreen: 'Info', reportingInterval: '0s' })
    expect(await spec('FelixConfiguration', 'node.w1')).toEqual({ defaultEndpointToHostAction: 'Return' })
    expect(await spec('BGPConfiguration', 'default')).toEqual({})
    expect(await createDefaultResources(context, options)).toEqual([])
  })

  test('what stands there stays as it is; words of CLUSTER_TYPE are added', async () => {
    const standing = {
      [resourceKey('ClusterInformation', 'default')]: {
        kind: 'ClusterInformation',
        metadata: { name: 'default' },
        spec: { clusterGUID: 'g', clusterType: 'k8s,bgp', calicoVersion: 'v3.29.1', datastoreReady: false, later: 1 },
      },
      [resourceKey('BGPConfiguration', 'default')]: {
        kind: 'BGPConfiguration',
        metadata: { name: 'default' },
        spec: { asNumber: 65000 },
      },
    }
    const { made, spec } = await started({ CLUSTER_TYPE: 'bgp,kubeadm' }, standing)
    expect(made).toEqual(['FelixConfiguration/default', 'FelixConfiguration/node.w1'])
    expect(await spec('ClusterInformation', 'default')).toEqual({
      clusterGUID: 'g',
      clusterType: 'k8s,bgp,kubeadm',
      calicoVersion: 'v3.29.1',
      datastoreReady: false,
      later: 1,
    })
    expect(await spec('BGPConfiguration', 'default')).toEqual({ asNumber: 65000 })
  })
})

describe('default pools', () => {
  const defaults = { ulaCidr: 'fd12:3456:789a::/48', nodeAddresses: ['192.168.1.7/24'], ipv6: true }
  async function pools(env: Record<string, string>, more: Partial<typeof defaults> & { kubeadmCidr?: string } = {}) {
    const { datastore } = await cluster([])
    const { options } = nodeOptionsFromEnv(env, { hostname: 'a' })
    const context: StartupContext = { datastore, now: () => NOW, uuid: () => 'uid' }
    const made = await createDefaultPools(context, options, { ...defaults, ...more })
    const read = async (family: string) =>
      JSON.parse((await datastore.get(resourceKey('IPPool', `default-${family}-ippool`)))?.value ?? 'null')
    return { datastore, context, options, made, v4: await read('ipv4'), v6: await read('ipv6') }
  }

  test('are made where there are none, out of the way of the node itself', async () => {
    const { made, v4, v6 } = await pools({ CALICO_IPV4POOL_IPIP: 'Always' })
    expect(made).toEqual(['default-ipv4-ippool', 'default-ipv6-ippool'])
    expect(v4.spec).toMatchObject({ cidr: '172.16.0.0/16', ipipMode: 'Always', natOutgoing: true, blockSize: 26 })
    expect(v6.spec).toMatchObject({ cidr: 'fd12:3456:789a::/48', natOutgoing: false, blockSize: 122 })
  })

  test.each([
    [{ CALICO_IPV4POOL_CIDR: '10.99.0.0/16' }, {}, '10.99.0.0/16'],
    [{}, { kubeadmCidr: '10.244.0.0/16' }, '10.244.0.0/16'],
    [{ CALICO_IPV4POOL_CIDR: 'none' }, {}, undefined],
    [{ NO_DEFAULT_POOLS: 'true' }, {}, undefined],
  ])('%o %o gives %s', async (env, more, expected) => {
    expect((await pools(env, more)).v4?.spec.cidr).toBe(expected)
  })

  test('are left alone where there are some', async () => {
    const { datastore } = await cluster([])
    await put(datastore, resourceKey('IPPool', 'mine'), {
      kind: 'IPPool',
      metadata: { name: 'mine' },
      spec: { cidr: '10.1.0.0/16' },
    })
    const { options } = nodeOptionsFromEnv({}, { hostname: 'a' })
    const context: StartupContext = { datastore, now: () => NOW, uuid: () => 'uid' }
    expect(await createDefaultPools(context, options, { ...defaults, ipv6: false })).toEqual([])
  })
})
