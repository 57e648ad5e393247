import { resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { assignAddresses, releaseByHandle } from './addresses.js'
import { claimBlock } from './claim.js'
import type { IpamContext } from './context.js'
import { cniConfList, ensureNodeBlock, releaseNodeBlock } from './node-block.js'
import { checkIpam, showIpam } from './report.js'
import { cluster, faults, NOW, type PoolSpec, picture, put } from './testing/index.js'
import { ensureTunnelAddresses, releaseTunnelAddresses } from './tunnel.js'

async function oneNode(...pools: PoolSpec[]) {
  const { datastore } = await cluster(pools, {
    [resourceKey('Node', 'a')]: {
      kind: 'Node',
      metadata: { name: 'a' },
      spec: { bgp: { ipv4Address: '10.0.0.1/24' } },
      extra: 1,
    },
  })
  const context: IpamContext = { datastore, now: () => NOW }
  const node = async () => JSON.parse((await datastore.get(resourceKey('Node', 'a')))?.value ?? '{}')
  return { datastore, context, node }
}

describe('tunnel addresses (calico.md 4.7)', () => {
  test('assigned with handle and type, kept at the next start', async () => {
    const { datastore, context, node } = await oneNode({ cidr: '10.244.0.0/16', ipipMode: 'Always' })
    const [change] = await ensureTunnelAddresses(context, 'a')
    expect(change).toMatchObject({ kind: 'ipip', before: undefined, after: expect.stringMatching(/^10\.244\./) })
    expect(await node()).toMatchObject({
      extra: 1,
      spec: { bgp: { ipv4Address: '10.0.0.1/24', ipv4IPIPTunnelAddr: change?.after } },
    })
    const [held] = (await picture(datastore)).blocks[0]?.allocations() ?? []
    expect(held).toMatchObject({ handle: 'ipip-tunnel-addr-a', attributes: { node: 'a', type: 'ipipTunnelAddress' } })
    expect(await ensureTunnelAddresses(context, 'a')).toEqual([])
  })

  test('replaced when somebody else holds the address by now', async () => {
    const { context, node } = await oneNode({ cidr: '10.244.0.0/16', vxlanMode: 'CrossSubnet' })
    const [before] = await ensureTunnelAddresses(context, 'a')
    await releaseByHandle(context, 'vxlan-tunnel-addr-a')
    const request = { node: 'a', family: 'ipv4' as const, count: 64, handle: 'pods', attributes: { node: 'a' } }
    await assignAddresses(context, request)
    const [after] = await ensureTunnelAddresses(context, 'a')
    expect(after).toMatchObject({ kind: 'vxlan', before: before?.after })
    expect(after?.after).not.toBe(before?.after)
    expect((await node()).spec.ipv4VXLANTunnelAddr).toBe(after?.after)
  })

  test('given back when the node leaves, and a dry run only says so', async () => {
    const { datastore, context, node } = await oneNode(
      { cidr: '10.244.0.0/16', ipipMode: 'Always' },
      { cidr: '10.245.0.0/16', vxlanMode: 'Always' },
    )
    const taken = (await ensureTunnelAddresses(context, 'a')).map(({ kind, after }) => ({ kind, address: after }))
    expect(taken.map(({ kind }) => kind)).toEqual(['ipip', 'vxlan'])
    const before = await node()
    expect(await releaseTunnelAddresses(context, 'a', true)).toEqual(taken)
    expect(await node()).toEqual(before)
    expect(await releaseTunnelAddresses(context, 'a')).toEqual(taken)
    expect(await node()).toMatchObject({ extra: 1, spec: { bgp: { ipv4Address: '10.0.0.1/24' } } })
    expect(JSON.stringify(await node())).not.toContain('Tunnel')
    const { blocks } = await picture(datastore)
    expect(blocks.flatMap((block) => block.allocations())).toEqual([])
    expect(await releaseTunnelAddresses(context, 'a')).toEqual([])
  })

  test('taken back when no pool wants the tunnel any more', async () => {
    const { datastore, context, node } = await oneNode({ cidr: '10.244.0.0/16', ipipMode: 'Always' })
    await ensureTunnelAddresses(context, 'a')
    await datastore.delete(resourceKey('IPPool', 'pool-0'))
    await put(datastore, resourceKey('IPPool', 'pool-0'), {
      kind: 'IPPool',
      metadata: { name: 'pool-0' },
      spec: { cidr: '10.244.0.0/16' },
    })
    expect(await ensureTunnelAddresses(context, 'a')).toMatchObject([{ kind: 'ipip', after: undefined }])
    expect((await node()).spec.bgp).toEqual({ ipv4Address: '10.0.0.1/24' })
    expect((await picture(datastore)).handles.size).toBe(0)
  })
})

describe('a block for host-local', () => {
  const request = { node: 'a', family: 'ipv4' as const }

  test('is held as a whole: nobody borrows from it or reclaims it', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 28 }])
    let now = NOW
    const context: IpamContext = { datastore, now: () => now }
    const block = await ensureNodeBlock(context, request)
    expect(block).toEqual({ cidr: '10.0.0.0/28', family: 'ipv4', ranges: [{ first: '10.0.0.0', last: '10.0.0.15' }] })
    now += 3_600_000
    await expect(claimBlock(context, { ...request, node: 'b' })).rejects.toMatchObject({ code: 'no-free-block' })
    expect(await assignAddresses(context, { ...request, node: 'b', count: 1, handle: 'h', attributes: {} })).toEqual([])
  })

  test('is the same one at every start, and can be given back', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/16' }])
    const context: IpamContext = { datastore, now: () => NOW }
    const first = await ensureNodeBlock(context, request)
    expect(await ensureNodeBlock(context, request)).toEqual(first)
    expect(faults(await picture(datastore))).toEqual([])
    await releaseNodeBlock(context, 'a', first.cidr)
    expect(await picture(datastore)).toMatchObject({ blocks: [], confirmed: [] })
  })

  test('leaves reserved addresses out of the CNI ranges, and network and broadcast address too', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 28 }], {
      [resourceKey('IPReservation', 'r')]: {
        kind: 'IPReservation',
        metadata: { name: 'r' },
        spec: { reservedCIDRs: ['10.0.0.4/31'] },
      },
    })
    const block = await ensureNodeBlock({ datastore, now: () => NOW }, request)
    const list = JSON.parse(cniConfList([block], { mtu: 1450 }))
    expect(list.plugins[0]).toMatchObject({
      type: 'ptp',
      mtu: 1450,
      ipam: { type: 'host-local', routes: [{ dst: '0.0.0.0/0' }] },
    })
    expect(list.plugins[0].ipam.ranges).toEqual([
      [
        { subnet: '10.0.0.0/28', rangeStart: '10.0.0.1', rangeEnd: '10.0.0.3', gateway: '10.0.0.1' },
        { subnet: '10.0.0.0/28', rangeStart: '10.0.0.6', rangeEnd: '10.0.0.14', gateway: '10.0.0.1' },
      ],
    ])
  })

  test('IPv6 beside IPv4', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/16' }, { cidr: 'fd00:10::/64' }])
    const context: IpamContext = { datastore, now: () => NOW }
    const blocks = [
      await ensureNodeBlock(context, request),
      await ensureNodeBlock(context, { node: 'a', family: 'ipv6' }),
    ]
    const { ipam } = JSON.parse(cniConfList(blocks)).plugins[0]
    expect(ipam.ranges).toHaveLength(2)
    expect(ipam.ranges[1][0].subnet).toMatch(/^fd00:10::.*\/122$/)
    expect(ipam.routes).toEqual([{ dst: '0.0.0.0/0' }, { dst: '::/0' }])
  })
})

describe('reports', () => {
  test('usage of pools and blocks, and who borrowed', async () => {
    const { context } = await oneNode({ cidr: '10.0.0.0/29', blockSize: 30 })
    await claimBlock(context, { node: 'b', family: 'ipv4' })
    await claimBlock(context, { node: 'c', family: 'ipv4' })
    await assignAddresses(context, { node: 'a', family: 'ipv4', count: 1, handle: 'h', attributes: { node: 'a' } })
    const { usage, borrowed } = await showIpam(context)
    expect(usage[0]).toMatchObject({ grouping: 'IP Pool', cidr: '10.0.0.0/29', total: 8n, inUse: 1n, free: 7n })
    expect(usage.slice(1).map(({ cidr }) => cidr)).toEqual(['10.0.0.0/30', '10.0.0.4/30'])
    expect(borrowed).toMatchObject([{ borrower: 'a', handle: 'h' }])
  })

  test('sound books have no faults, and each kind of damage is named', async () => {
    const { datastore, context } = await oneNode({ cidr: '10.0.0.0/24' })
    await assignAddresses(context, { node: 'a', family: 'ipv4', count: 2, handle: 'h', attributes: { node: 'a' } })
    expect(await checkIpam(context)).toEqual([])
    await put(datastore, '/calico/ipam/v2/host/b/ipv4/block/10.0.0.64-26', { state: 'confirmed' })
    await put(datastore, '/calico/ipam/v2/handle/ghost', { block: { '10.0.0.0/26': 3 } })
    await put(datastore, '/calico/ipam/v2/assignment/ipv4/block/10.9.0.0-30', {
      cidr: '10.9.0.0/30',
      allocations: [0, null, null, null],
      unallocated: [0, 1, 1],
      attributes: [],
    })
    const problems = (await checkIpam(context)).map(({ problem }) => problem)
    expect(problems).toEqual(
      expect.arrayContaining([
        'confirmed affinity without a block',
        'counts 3 in 10.0.0.0/26, there are none',
        'lies in no pool',
        'an address is free twice',
        'an address is both free and in use',
      ]),
    )
  })
})
