import { resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { detectAddress, type HostInterface, parseMethod, type Surroundings } from './autodetect.js'
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
  reachableFrom: '10.0.0.11',
  kubernetesAddresses: ['fd00:a::11', '192.0.2.200'],
}

describe('address autodetection (calico.md 5.2)', () => {
  const rows: readonly [method: string, family: 'ipv4' | 'ipv6', expected: string | undefined, why: string][] = [
    ['', 'ipv4', '172.16.5.11/20', 'the highest index first, excluded interfaces skipped'],
    ['first-found', 'ipv6', 'fd00:a::11/64', 'link-local addresses do not count'],
    ['interface=eth0', 'ipv4', '10.0.0.11/24', 'addresses in listing order, link-local skipped'],
    ['interface=docker.*', 'ipv4', '172.17.0.1/16', 'default exclusions do not apply'],
    ['interface=nothing,eth1', 'ipv4', '172.16.5.11/20', 'the first pattern that finds something'],
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
      DISABLE_NODE_IP_CHECK: 'ja',
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
    const { context, options, value } = await start({ IP_AUTODETECTION_METHOD: 'interface=eth0', AS: '64512' })
    expect(await registerNode(context, options, HOST)).toMatchObject({ ipv4Address: '10.0.0.11/24', changed: true })
    expect(await value()).toEqual({
      kind: 'Node',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'worker-1', uid: 'uid-1', creationTimestamp: '2026-08-01T09:12:40Z' },
      spec: {
        bgp: { ipv4Address: '10.0.0.11/24', asNumber: 64512 },
        orchRefs: [{ nodeName: 'worker-1', orchestrator: 'k8s' }],
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
