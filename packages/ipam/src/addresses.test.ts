import { IPAM_CONFIG_KEY, resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { assignAddress, assignAddresses, releaseAddress, releaseByHandle } from './addresses.js'
import { Block, parseTime } from './block.js'
import { claimBlock } from './claim.js'
import type { IpamContext } from './context.js'
import { cluster, crashing, faults, NOW, picture, put } from './testing/index.js'

const v4 = (node: string) => ({ node, family: 'ipv4' as const, labels: {} })
const attributes = { node: 'a', pod: 'web', namespace: 'default' }

async function small(config: object = {}) {
  const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 30 }], {
    [IPAM_CONFIG_KEY]: { auto_allocate_blocks: true, ...config },
  })
  let now = NOW
  const context: IpamContext = { datastore, now: () => now }
  return {
    datastore,
    context,
    wait(seconds: number) {
      now += seconds * 1000
    },
  }
}

describe('assignment', () => {
  test('fills own blocks, then claims', async () => {
    const { context, datastore } = await small()
    const given = await assignAddresses(context, { ...v4('a'), count: 6, handle: 'h', attributes })
    expect(given).toHaveLength(6)
    expect(given.every(({ borrowed }) => !borrowed)).toBe(true)
    const after = await picture(datastore)
    expect(after.confirmed).toHaveLength(2)
    expect(Object.values(after.handles.get('h') ?? {}).sort()).toEqual([2, 4])
    expect(faults(after)).toEqual([])
  })

  test('equal attributes are stored once, sequence numbers are exact', async () => {
    const { context, datastore } = await small()
    await assignAddresses(context, { ...v4('a'), count: 2, handle: 'h', attributes })
    await assignAddresses(context, { ...v4('a'), count: 1, handle: 'h', attributes })
    const block = (await picture(datastore)).blocks[0]
    const start = BigInt(NOW) * 1_000_000n
    expect(block?.sequence).toBe(start + 2n)
    expect(block?.allocations().map(({ sequence }) => sequence)).toEqual([start, start, start + 1n])
    expect(JSON.parse(String(block)).attributes).toHaveLength(1)
    expect(String(block)).toContain(`"sequenceNumber":${start + 2n}`)
  })

  test('reserved addresses are left out', async () => {
    const { context, datastore } = await small()
    await datastore.create(
      resourceKey('IPReservation', 'r'),
      '{"kind":"IPReservation","metadata":{"name":"r"},"spec":{"reservedCIDRs":["10.0.0.0/29","10.0.0.8/31"]}}',
    )
    const given = await assignAddresses(context, { ...v4('a'), count: 9, handle: 'h', attributes })
    expect(given.map(({ address }) => address).sort()).toEqual(
      ['10.0.0.10', '10.0.0.11', '10.0.0.12', '10.0.0.13', '10.0.0.14', '10.0.0.15'].sort(),
    )
  })

  test('borrows from others when every block is taken, and never under strict affinity', async () => {
    for (const strict of [false, true]) {
      const { context, datastore } = await small({ strict_affinity: strict })
      for (let i = 0; i < 4; i++) await claimBlock(context, v4(`other-${i}`))
      const given = await assignAddresses(context, { ...v4('a'), count: 2, handle: 'h', attributes })
      expect(given).toHaveLength(strict ? 0 : 2)
      expect(given.every(({ borrowed }) => borrowed)).toBe(true)
      expect(faults(await picture(datastore))).toEqual([])
    }
  })

  test('one given address', async () => {
    const { context } = await small()
    const { cidr } = await claimBlock(context, v4('a'))
    const address = cidr.replace('/30', '')
    const request = { node: 'a', handle: 'h', attributes }
    expect(await assignAddress(context, address, request)).toEqual({ address, block: cidr, borrowed: false })
    await expect(assignAddress(context, address, request)).rejects.toMatchObject({ code: 'address-in-use' })
    await expect(assignAddress(context, '10.9.9.9', request)).rejects.toMatchObject({ code: 'not-found' })
    await expect(assignAddress(context, 'banana', request)).rejects.toMatchObject({ code: 'invalid-data' })
  })
})

describe('release', () => {
  test('goes to the tail of the free ones, drops what nobody refers to, uncounts the handle', async () => {
    const { context, datastore } = await small()
    const [first] = await assignAddresses(context, { ...v4('a'), count: 1, handle: 'one', attributes })
    await assignAddresses(context, { ...v4('a'), count: 1, handle: 'two', attributes })
    expect(await releaseAddress(context, first?.address ?? '', { handle: 'one' })).toBe(true)
    const after = await picture(datastore)
    expect(after.blocks[0]?.free).toEqual([2, 3, 0])
    expect(after.handles.has('one')).toBe(false)
    expect(after.blocks[0]?.allocations().map(({ handle }) => handle)).toEqual(['two'])
    expect(JSON.parse(String(after.blocks[0])).attributes).toHaveLength(1)
    expect(await releaseAddress(context, first?.address ?? '')).toBe(false)
  })

  test('refuses another handle and an address given out again since', async () => {
    const { context } = await small()
    const [given] = await assignAddresses(context, { ...v4('a'), count: 1, handle: 'h', attributes })
    const address = given?.address ?? ''
    await expect(releaseAddress(context, address, { handle: 'x' })).rejects.toMatchObject({ code: 'wrong-owner' })
    await expect(releaseAddress(context, address, { sequence: 1n })).rejects.toMatchObject({ code: 'sequence-changed' })
    expect(await releaseAddress(context, address, { sequence: BigInt(NOW) * 1_000_000n })).toBe(true)
  })

  test('finds the block of a pool that is gone, or that has other blocks by now', async () => {
    const { context, datastore } = await small()
    const [one, two] = await assignAddresses(context, { ...v4('a'), count: 2, handle: 'h', attributes })
    const key = resourceKey('IPPool', 'pool-0')
    await datastore.delete(key)
    expect(await releaseAddress(context, one?.address ?? '')).toBe(true)
    await put(datastore, key, {
      kind: 'IPPool',
      metadata: { name: 'pool-0' },
      spec: { cidr: '10.0.0.0/28', blockSize: 29 },
    })
    expect(await releaseAddress(context, two?.address ?? '')).toBe(true)
    expect(await releaseAddress(context, '10.0.0.200')).toBe(false)
    expect((await picture(datastore)).handles.size).toBe(0)
  })

  test('a cooldown keeps the address back', async () => {
    const { context, datastore, wait } = await small({ ipCooldownSeconds: 30 })
    const given = await assignAddresses(context, { ...v4('a'), count: 4, handle: 'h', attributes })
    for (const { address } of given) await releaseAddress(context, address)
    expect((await picture(datastore)).blocks[0]?.free).toEqual([])
    wait(10)
    const other = await assignAddresses(context, { ...v4('a'), count: 1, handle: 'h', attributes })
    expect(given.map(({ address }) => address)).not.toContain(other[0]?.address)
    wait(30)
    const again = await assignAddresses(context, { ...v4('a'), count: 4, handle: 'h2', attributes })
    expect(again).toHaveLength(4)
    expect(faults(await picture(datastore))).toEqual([])
  })

  test('by handle, over all blocks', async () => {
    const { context, datastore } = await small()
    const given = await assignAddresses(context, { ...v4('a'), count: 6, handle: 'h', attributes })
    const released = await releaseByHandle(context, 'h')
    expect([...released].sort()).toEqual(given.map(({ address }) => address).sort())
    const after = await picture(datastore)
    expect(after.handles.size).toBe(0)
    expect(after.blocks.every((block) => block.isEmpty)).toBe(true)
  })

  test('a crash at any write leaves nothing that the handle cannot release', async () => {
    for (let write = 0; write < 12; write++) {
      for (const when of ['before', 'after'] as const) {
        const { context, datastore } = await small()
        const broken = crashing(datastore, write, when).datastore
        await assignAddresses(
          { ...context, datastore: broken },
          { ...v4('a'), count: 5, handle: 'h', attributes },
        ).catch(() => undefined)
        expect(faults(await picture(datastore))).toEqual([])
        await releaseByHandle(context, 'h')
        const after = await picture(datastore)
        expect(after.handles.size).toBe(0)
        expect(after.blocks.every((block) => block.isEmpty)).toBe(true)
      }
    }
  })
})

describe('a block', () => {
  const text =
    '{"cidr":"10.244.200.4/30","affinity":"host:worker-1","affinity_claim_time":"2026-08-01T09:12:40Z","allocations":[0,1,null,2],"unallocated":[2],"attributes":[{"handle_id":"ipip-tunnel-addr-worker-1","secondary":{"node":"worker-1","type":"ipipTunnelAddress"}},{"handle_id":"k8s-pod-network.5b","secondary":{"node":"worker-1"},"alternateOwnerAttrs":{"x":"y"}},{"handle_id":"k8s-pod-network.77","secondary":{"node":"worker-2"}}],"sequenceNumber":1785575560123456792,"sequenceNumberForAllocation":{"0":1785575560123456789,"1":1785575560123456790,"3":1785575560123456791},"deleted":false,"future":{"kept":12345678901234567890}}'

  test('written back unchanged is the same bytes', () => {
    expect(Block.parse(text).toString()).toBe(text)
  })

  test('keeps members that nobody here knows, through every operation', () => {
    const after = Block.parse(text)
      .assign([2], 'h', { node: 'x' })
      .release([0], NOW)
      .withAffinity(undefined, NOW)
      .toString()
    expect(after).toContain('"future":{"kept":12345678901234567890}')
    expect(after).toContain('"alternateOwnerAttrs":{"x":"y"}')
    expect(after).toContain('"sequenceNumber":1785575560123456795')
  })

  test('the legacy owner counts where the new member is missing', () => {
    expect(Block.parse('{"cidr":"10.0.0.0/30","hostAffinity":"w","allocations":[null,null,null,null]}').affinity).toBe(
      'host:w',
    )
  })

  test.each([
    ['2026-08-01T09:12:40Z', Date.UTC(2026, 7, 1, 9, 12, 40)],
    ['2024-02-29T23:59:59.5+02:00', Date.UTC(2024, 1, 29, 21, 59, 59, 500)],
    ['1969-12-31T23:00:00-01:00', 0],
    ['yesterday', undefined],
  ])('time %s', (value, expected) => {
    expect(parseTime(value)).toBe(expected)
  })
})
