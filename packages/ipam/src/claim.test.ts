import type { Datastore } from '@starling/datastore'
import { affinityKey, blockKey, resourceKey } from '@starling/resources'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignAddresses } from './addresses.js'
import { claimAffinity, releaseAffinity } from './affinity.js'
import { Block } from './block.js'
import { claimBlock, ownBlocks, RECLAIM_AGE, releaseStrayBlocks } from './claim.js'
import type { IpamContext } from './context.js'
import { cluster, crashing, faults, NOW, picture, prefix, put, wrapped } from './testing/index.js'

const at = (datastore: Datastore, now = NOW): IpamContext => ({ datastore, now: () => now })
const v4 = (node: string) => ({ node, family: 'ipv4' as const })

describe('a claim', () => {
  test('leaves the keys and values that Calico leaves', async () => {
    const { datastore } = await cluster([{ cidr: '10.244.200.4/30', blockSize: 30 }])
    const block = await claimBlock(at(datastore), v4('worker-1'))
    expect(block.cidr).toBe('10.244.200.4/30')
    const { entries } = await datastore.list('/calico/ipam/')
    expect(Object.fromEntries(entries.map(({ key, value }) => [key, value]))).toEqual({
      '/calico/ipam/v2/host/worker-1': '',
      '/calico/ipam/v2/host/worker-1/ipv4/block/10.244.200.4-30': '{"state":"confirmed","deleted":false}',
      '/calico/ipam/v2/assignment/ipv4/block/10.244.200.4-30':
        '{"cidr":"10.244.200.4/30","affinity":"host:worker-1","affinity_claim_time":"2026-08-01T09:12:40Z","allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1785575560123000000,"sequenceNumberForAllocation":{},"deleted":false}',
    })
  })

  test('takes another block each time, up to the limit of request and configuration', async () => {
    const { datastore } = await cluster([{ cidr: '10.244.0.0/24', blockSize: 26 }], {
      '/calico/ipam/v2/config': { auto_allocate_blocks: true, maxBlocksPerHost: 3 },
    })
    const context = at(datastore)
    const cidrs = new Set<string>()
    for (let i = 0; i < 3; i++) cidrs.add((await claimBlock(context, v4('a'))).cidr)
    expect(cidrs.size).toBe(3)
    await expect(claimBlock(context, v4('a'))).rejects.toMatchObject({ code: 'block-limit' })
    await expect(claimBlock(context, { ...v4('b'), maxBlocks: 1 })).resolves.toBeDefined()
    await expect(claimBlock(context, { ...v4('b'), maxBlocks: 1 })).rejects.toMatchObject({ code: 'block-limit' })
  })

  const ROW = {
    [resourceKey('Node', 'a')]: { kind: 'Node', metadata: { name: 'a', labels: { rack: 'r1' } }, spec: {} },
  }
  test.each([
    ['is disabled', 'is disabled', { cidr: '10.0.0.0/24', disabled: true }],
    ['is for hands only', 'by name \\(assignmentMode Manual', { cidr: '10.0.0.0/24', assignmentMode: 'Manual' }],
    ['is for load balancers', 'not for use as Workload', { cidr: '10.0.0.0/24', allowedUses: ['LoadBalancer'] }],
    ['selects others', 'nodeSelector', { cidr: '10.0.0.0/24', nodeSelector: "rack == 'r2'" }],
    ['has a selector that does not parse', 'nodeSelector', { cidr: '10.0.0.0/24', nodeSelector: 'rack ==' }],
    ['is for some namespaces', 'some namespaces', { cidr: '10.0.0.0/24', namespaceSelector: "team == 'a'" }],
    ['is of the other family', 'there is none', { cidr: 'fd00::/64' }],
    ['is smaller than one block', 'smaller than one', { cidr: '10.0.0.0/27', blockSize: 26 }],
  ])('never from a pool that %s, and says so: %s', async (_why, words, spec) => {
    const { datastore } = await cluster([spec], ROW)
    const claim = claimBlock(at(datastore), v4('a'))
    await expect(claim).rejects.toMatchObject({ code: 'no-pool', message: expect.stringMatching(words) })
  })

  test.each([
    ['of mode Manual', { cidr: '10.0.0.0/24', assignmentMode: 'Manual' }],
    ['for some namespaces', { cidr: '10.0.0.0/24', namespaceSelector: "team == 'a'" }],
    ['for all namespaces', { cidr: '10.0.0.0/24', namespaceSelector: ' all( ) ' }],
  ])('from a pool %s when it is named', async (_what, spec) => {
    const { datastore } = await cluster([spec], ROW)
    await expect(claimBlock(at(datastore), { ...v4('a'), pools: ['10.0.0.0/24'] })).resolves.toBeDefined()
  })

  test('nothing while the datastore is locked', async () => {
    const key = resourceKey('ClusterInformation', 'default')
    const locked = { kind: 'ClusterInformation', metadata: { name: 'default' }, spec: { datastoreReady: false } }
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }], { [key]: locked })
    await expect(claimBlock(at(datastore), v4('a'))).rejects.toMatchObject({ code: 'locked' })
    const one = assignAddresses(at(datastore), { ...v4('a'), count: 1, handle: 'h', attributes: {} })
    await expect(one).rejects.toMatchObject({ code: 'locked' })
    expect((await datastore.list('/calico/ipam/')).entries).toEqual([])
  })

  test('a pool that is named must be there, and of the family', async () => {
    const { datastore } = await cluster([{ cidr: 'fd00::/64' }])
    const claim = claimBlock(at(datastore), { ...v4('a'), pools: ['other', 'fd00::/64'] })
    await expect(claim).rejects.toThrow(/no ipv4 pool for a: there is no IPPool other; IPPool [^ ]+ is an IPv6 pool$/)
  })

  test('reads the labels of the Node for the selector of the pool', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24', nodeSelector: "rack == 'r1'" }], {
      [resourceKey('Node', 'a')]: { kind: 'Node', metadata: { name: 'a', labels: { rack: 'r1' } }, spec: {} },
    })
    await expect(claimBlock(at(datastore), v4('a'))).resolves.toBeDefined()
  })

  test('steps over reserved blocks, however large the reservation', async () => {
    const { datastore } = await cluster([{ cidr: 'fd00::/48', blockSize: 122 }], {
      [resourceKey('IPReservation', 'r')]: {
        kind: 'IPReservation',
        metadata: { name: 'r' },
        spec: { reservedCIDRs: ['fd00:0:0::/49', 'fd00:0:0:8000::/50', 'fd00:0:0:c000::/114'] },
      },
    })
    const block = await claimBlock(at(datastore), { node: 'a', family: 'ipv6' })
    expect(prefix('fd00:0:0:c000::/50').contains(block.prefix)).toBe(true)
    expect(prefix('fd00:0:0:c000::/114').contains(block.prefix)).toBe(false)
  })

  test('a block that small reservations cover together is not taken', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/29', blockSize: 30 }], {
      [resourceKey('IPReservation', 'r')]: {
        kind: 'IPReservation',
        metadata: { name: 'r' },
        spec: { reservedCIDRs: ['10.0.0.0/31', '10.0.0.2/32', '10.0.0.3'] },
      },
    })
    expect((await claimBlock(at(datastore), v4('a'))).cidr).toBe('10.0.0.4/30')
    await expect(claimBlock(at(datastore), v4('a'))).rejects.toMatchObject({ code: 'no-free-block' })
  })

  test('a reservation that cannot be read stops the claim', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    await datastore.create(resourceKey('IPReservation', 'r'), '{broken')
    await expect(claimBlock(at(datastore), v4('a'))).rejects.toMatchObject({ code: 'invalid-data' })
  })

  test('a block that cannot be read counts as taken', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/30', blockSize: 30 }])
    await datastore.create(blockKey('10.0.0.0/30'), '{broken')
    await expect(claimBlock(at(datastore), v4('a'))).rejects.toMatchObject({ code: 'no-free-block' })
  })

  test('an empty block of another node is reclaimed after a minute, one in use never', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/29', blockSize: 30 }])
    await claimBlock(at(datastore), v4('old'))
    await assignAddresses(at(datastore), { ...v4('busy'), count: 1, handle: 'h', attributes: {} })
    await expect(claimBlock(at(datastore, NOW + RECLAIM_AGE / 2), v4('new'))).rejects.toMatchObject({
      code: 'no-free-block',
    })
    const block = await claimBlock(at(datastore, NOW + RECLAIM_AGE * 2), v4('new'))
    expect(block.affinity).toBe('host:new')
    const after = await picture(datastore)
    expect(after.confirmed.map(({ node }) => node).sort()).toEqual(['busy', 'new'])
    expect(faults(after)).toEqual([])
    await expect(claimBlock(at(datastore, NOW + RECLAIM_AGE * 2), v4('third'))).rejects.toMatchObject({
      code: 'no-free-block',
    })
  })

  test('a lost race with another owner removes our affinity', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    const theirs = Block.create(prefix('10.0.0.0/26'), 'host:b', NOW)
    await datastore.create(blockKey('10.0.0.0/26'), theirs.toString())
    await put(datastore, affinityKey('a', '10.0.0.0/26'), { state: 'pending' })
    expect(await claimAffinity(at(datastore), 'a', prefix('10.0.0.0/26'))).toEqual({ claimed: false, owner: 'host:b' })
    expect(await datastore.get(affinityKey('a', '10.0.0.0/26'))).toBeUndefined()
  })

  test.each([
    ['no affinity says so', undefined],
    ['its affinity is on its way out', 'pendingDeletion'],
  ])('a block that is ours is taken up again where %s', async (_what, state) => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/25' }])
    const ours = Block.create(prefix('10.0.0.64/26'), 'host:a', NOW)
    await datastore.create(blockKey(ours.cidr), ours.toString())
    if (state !== undefined) await put(datastore, affinityKey('a', ours.cidr), { state })
    const claimed = [await claimBlock(at(datastore), v4('a')), await claimBlock(at(datastore), v4('a'))]
    expect(claimed.map(({ cidr }) => cidr).sort()).toEqual(['10.0.0.0/26', '10.0.0.64/26'])
    expect(faults(await picture(datastore))).toEqual([])
    await expect(claimBlock(at(datastore), v4('a'))).rejects.toMatchObject({ code: 'no-free-block' })
  })

  test('legacy affinities without a state count as confirmed', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    await datastore.create(affinityKey('a', '10.0.0.0/26'), '')
    await datastore.create(blockKey('10.0.0.0/26'), Block.create(prefix('10.0.0.0/26'), 'host:a', NOW).toString())
    expect((await ownBlocks(at(datastore), 'a', 'ipv4')).map(({ block }) => block.cidr)).toEqual(['10.0.0.0/26'])
  })
})

describe('a release', () => {
  test('deletes an empty block and its affinity', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    const { cidr } = await claimBlock(at(datastore), v4('a'))
    await releaseAffinity(at(datastore), 'a', cidr, { mustBeEmpty: true })
    expect(await picture(datastore)).toMatchObject({ blocks: [], confirmed: [], unconfirmed: [] })
  })

  test('leaves a block in use without an owner, or refuses', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    await assignAddresses(at(datastore), { ...v4('a'), count: 1, handle: 'h', attributes: {} })
    const cidr = (await picture(datastore)).blocks[0]?.cidr ?? ''
    await expect(releaseAffinity(at(datastore), 'a', cidr, { mustBeEmpty: true })).rejects.toMatchObject({
      code: 'not-empty',
    })
    await releaseAffinity(at(datastore), 'a', cidr)
    const after = await picture(datastore)
    expect(after.blocks[0]?.affinity).toBeUndefined()
    expect(after.blocks[0]?.toString()).toContain('"affinity":null')
    expect(after.confirmed).toEqual([])
  })

  test('refuses when the block changed since it was seen, or belongs to another', async () => {
    const { datastore } = await cluster([{ cidr: '10.0.0.0/24' }])
    const { cidr, sequence } = await claimBlock(at(datastore), v4('a'))
    await expect(releaseAffinity(at(datastore), 'a', cidr, { sequence: sequence + 1n })).rejects.toMatchObject({
      code: 'sequence-changed',
    })
    await put(datastore, affinityKey('b', cidr), { state: 'confirmed' })
    await expect(releaseAffinity(at(datastore), 'b', cidr)).rejects.toMatchObject({ code: 'wrong-owner' })
    expect(await datastore.get(affinityKey('b', cidr))).toBeUndefined()
  })

  test('empty blocks go when their pool no longer selects the node, at the next claim too', async () => {
    const inRack = (rack: string, pools: readonly string[] = ['pool-0']) => ({ ...v4('a'), labels: { rack }, pools })
    const { datastore } = await cluster([
      { cidr: '10.0.0.0/24', nodeSelector: "rack == 'r1'" },
      { cidr: '10.1.0.0/24' },
      { cidr: '10.2.0.0/24', nodeSelector: "rack == 'r1'" },
    ])
    const context = at(datastore)
    const { cidr } = await claimBlock(context, inRack('r1'))
    const [used] = await assignAddresses(context, {
      ...inRack('r1', ['pool-2']),
      count: 1,
      handle: 'h',
      attributes: {},
    })
    expect(await releaseStrayBlocks(context, inRack('r1'))).toEqual([])
    // Of a node that cannot be read, nothing is known.
    expect(await releaseStrayBlocks(context, v4('a'))).toEqual([])
    await claimBlock(context, inRack('r2', ['pool-1']))
    expect(await datastore.get(affinityKey('a', cidr))).toBeUndefined()
    expect(await datastore.get(affinityKey('a', used?.block ?? ''))).toBeDefined()
    await datastore.delete(resourceKey('IPPool', 'pool-1'))
    expect(await releaseStrayBlocks(context, inRack('r2'))).toEqual([])
    expect(faults(await picture(datastore))).toEqual([])
  })
})

describe('crashes', () => {
  test.each(['before', 'after'] as const)(
    'a claim that dies %s any write is finished by the next one',
    async (when) => {
      let reached = 0
      for (let write = 0; write < 20; write++) {
        const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 30 }])
        const broken = crashing(datastore, write, when)
        await claimBlock(at(broken.datastore), v4('a')).catch(() => undefined)
        if (broken.crashed()) reached++
        expect(faults(await picture(datastore))).toEqual([])
        await ownOrClaim(at(datastore), 'a')
        const after = await picture(datastore)
        expect(faults(after)).toEqual([])
        // One block, no left-overs: the crash cost nothing.
        expect(after.confirmed).toHaveLength(1)
        expect(after.unconfirmed).toEqual([])
        expect(after.blocks).toHaveLength(1)
      }
      expect(reached).toBe(4)
    },
  )

  test.each(['before', 'after'] as const)(
    'a release that dies %s any write is finished by the next one',
    async (when) => {
      for (const busy of [false, true]) {
        for (let write = 0; write < 6; write++) {
          const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 30 }])
          if (busy) await assignAddresses(at(datastore), { ...v4('a'), count: 1, handle: 'h', attributes: {} })
          else await claimBlock(at(datastore), v4('a'))
          const cidr = (await picture(datastore)).blocks[0]?.cidr ?? ''
          await releaseAffinity(at(crashing(datastore, write, when).datastore), 'a', cidr).catch(() => undefined)
          expect(faults(await picture(datastore))).toEqual([])
          await releaseAffinity(at(datastore), 'a', cidr).catch((error: { code: string }) =>
            expect(error.code).toBe('not-found'),
          )
          const after = await picture(datastore)
          expect(after.confirmed).toEqual([])
          expect(after.unconfirmed).toEqual([])
          expect(after.blocks).toHaveLength(busy ? 1 : 0)
        }
      }
    },
  )
})

async function ownOrClaim(context: IpamContext, node: string): Promise<void> {
  if ((await ownBlocks(context, node, 'ipv4')).length === 0) await claimBlock(context, v4(node))
}

describe('races (every order of the single reads and writes that fast-check finds)', () => {
  const scheduled = (scheduler: fc.Scheduler, datastore: Datastore): Datastore =>
    wrapped(datastore, (name, _write, run) => {
      const turn = scheduler.scheduleFunction(async () => undefined)
      return async (...args) => {
        await turn()
        return run(...args).finally(() => name)
      }
    })

  test('two nodes never get the same block', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { datastore } = await cluster([{ cidr: '10.0.0.0/29', blockSize: 30 }])
        const slow = scheduled(scheduler, datastore)
        const claims = ['a', 'b'].map((node) => claimBlock(at(slow), { ...v4(node), labels: {} }))
        await scheduler.waitFor(Promise.all(claims))
        const [first, second] = await Promise.all(claims)
        expect(first?.cidr).not.toBe(second?.cidr)
        const after = await picture(datastore)
        expect(faults(after)).toEqual([])
        expect(after.confirmed).toHaveLength(2)
        expect(after.unconfirmed).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('a node that claims while another reclaims never ends up confirmed for a block it lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { datastore } = await cluster([{ cidr: '10.0.0.0/30', blockSize: 30 }])
        await claimBlock(at(datastore), v4('a'))
        const slow = scheduled(scheduler, datastore)
        const late = NOW + 2 * RECLAIM_AGE
        const request = { ...v4('a'), labels: {}, count: 1, handle: 'h', attributes: { node: 'a' } }
        const both = [
          claimBlock(at(slow, late), { ...v4('b'), labels: {} }).catch(() => undefined),
          assignAddresses(at(slow, late), request).catch(() => []),
        ] as const
        await scheduler.waitFor(Promise.all(both))
        expect(faults(await picture(datastore))).toEqual([])
      }),
      { numRuns: 80 },
    )
  })

  test('finishing a claim while another gives the block up never takes it from the one who finished', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { datastore } = await cluster([{ cidr: '10.0.0.0/30', blockSize: 30 }])
        const block = Block.create(prefix('10.0.0.0/30'), 'host:a', NOW)
        await datastore.create(blockKey(block.cidr), block.toString())
        await put(datastore, affinityKey('a', block.cidr), { state: 'pending' })
        const slow = scheduled(scheduler, datastore)
        const options = { mustBeEmpty: true, sequence: block.sequence }
        const both = [
          claimAffinity(at(slow, NOW + 1), 'a', block.prefix),
          releaseAffinity(at(slow), 'a', block.cidr, options).catch(() => undefined),
        ] as const
        await scheduler.waitFor(Promise.all(both))
        const after = await picture(datastore)
        expect(faults(after)).toEqual([])
        // The release names the sequence number it saw, so it cannot undo the claim: claimed means claimed.
        expect((await both[0]).claimed).toBe(true)
        expect(after.confirmed).toEqual([{ node: 'a', cidr: block.cidr }])
      }),
      { numRuns: 200 },
    )
  })

  test('two allocators of one node never give out an address twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (scheduler, count) => {
        const { datastore } = await cluster([{ cidr: '10.0.0.0/28', blockSize: 30 }])
        const slow = scheduled(scheduler, datastore)
        const requests = ['x', 'y'].map((handle) =>
          assignAddresses(at(slow), { ...v4('a'), labels: {}, count, handle, attributes: { node: 'a' } }),
        )
        await scheduler.waitFor(Promise.all(requests))
        const given = (await Promise.all(requests)).flat().map(({ address }) => address)
        expect(given).toHaveLength(2 * count)
        expect(new Set(given).size).toBe(2 * count)
        const after = await picture(datastore)
        expect(faults(after)).toEqual([])
        for (const handle of ['x', 'y']) {
          const counted = Object.values(after.handles.get(handle) ?? {}).reduce((sum, value) => sum + value, 0)
          expect(counted).toBe(count)
        }
      }),
      { numRuns: 60 },
    )
  })
})
