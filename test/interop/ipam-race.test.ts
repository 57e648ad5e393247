/**
 * Allocators that know nothing of each other on one real etcd: nodes that claim blocks and addresses at the same moment,
 * give them back, and reclaim each other's empty ones. Whatever the order, the books agree afterwards.
 */
import type { Datastore } from '@starling/datastore'
import { etcdDatastore } from '@starling/datastore/etcd'
import { assignAddresses, checkIpam, claimBlock, type IpamContext, IpamError, releaseByHandle } from '@starling/ipam'
import { affinityKey, blockKey, IPAM_PREFIX, parseKey, resourceKey } from '@starling/resources'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { EtcdRig, PATIENT } from './etcd-rig.js'

needs('etcd')

const CLAIMERS = 6
let rig: EtcdRig
let stores: Datastore[] = []
let spaces = 0
/** Two minutes later, so that empty blocks may be reclaimed. */
let later = 0

beforeAll(async () => {
  rig = await EtcdRig.start()
})
afterAll(() => rig.close())

beforeEach(async () => {
  await Promise.all(stores.map((store) => store.close()))
  const namespace = `/race${++spaces}`
  later = 0
  stores = await Promise.all(
    Array.from({ length: CLAIMERS }, () => etcdDatastore({ endpoints: rig.urls, namespace, ...PATIENT })),
  )
  const spec = { cidr: '10.99.0.0/24', blockSize: 28 }
  const pool = { kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name: 'pool' }, spec }
  await stores[0]?.create(resourceKey('IPPool', 'pool'), JSON.stringify(pool))
  return async () => {
    await Promise.all(stores.map((store) => store.close()))
    stores = []
  }
})

const contexts = (): IpamContext[] => stores.map((datastore) => ({ datastore, now: () => Date.now() + later }))
const v4 = (node: string) => ({ node, family: 'ipv4' as const, labels: {} })

it('sixteen blocks, six nodes that claim until none is left: each block has one owner, and the books agree', async () => {
  const claimed = await Promise.all(
    contexts().map(async (context, i) => {
      const blocks: string[] = []
      for (;;) {
        try {
          blocks.push((await claimBlock(context, v4(`node-${i}`))).cidr)
        } catch (error) {
          if (error instanceof IpamError && error.code === 'no-free-block') return blocks
          throw error
        }
      }
    }),
  )
  const all = claimed.flat()
  expect(all).toHaveLength(16)
  expect(new Set(all).size).toBe(16)
  const [context] = contexts()
  for (const [i, blocks] of claimed.entries())
    for (const cidr of blocks) {
      const block = JSON.parse((await context?.datastore.get(blockKey(cidr)))?.value ?? '{}')
      expect(block.affinity, cidr).toBe(`host:node-${i}`)
      const affinity = await context?.datastore.get(affinityKey(`node-${i}`, cidr))
      expect(affinity?.value).toBe('{"state":"confirmed","deleted":false}')
    }
  expect(await checkIpam(context as IpamContext)).toEqual([])
})

it('addresses taken and given back by all at once are never given out twice', async () => {
  const held = new Map<string, string>()
  await Promise.all(
    contexts().map(async (context, i) => {
      for (let round = 0; round < 8; round++) {
        const handle = `pod-${i}-${round}`
        const assigned = await assignAddresses(context, {
          ...v4(`node-${i % 3}`),
          count: 5,
          handle,
          attributes: { node: `node-${i % 3}` },
        })
        for (const { address } of assigned) {
          expect(held.get(address), `${address} for ${handle}`).toBeUndefined()
          held.set(address, handle)
        }
        if (round % 2 === 1) continue
        // Ours no longer from the moment we ask.
        for (const { address } of assigned) held.delete(address)
        await releaseByHandle(context, handle)
      }
    }),
  )
  expect(held.size).toBe(CLAIMERS * 4 * 5)
  expect(await checkIpam(contexts()[0] as IpamContext)).toEqual([])
})

it('an empty block of a node that has too many is reclaimed by one of those who want it', async () => {
  const [first, ...others] = contexts() as [IpamContext, ...IpamContext[]]
  for (let i = 0; i < 16; i++) await claimBlock(first, v4('rich'))
  later = 120_000
  const won = await Promise.all(others.map(async (context, i) => (await claimBlock(context, v4(`poor-${i}`))).cidr))
  expect(new Set(won).size).toBe(CLAIMERS - 1)
  const { entries } = await first.datastore.list(`${IPAM_PREFIX}host/rich/`)
  expect(entries.filter(({ key }) => parseKey(key)?.type === 'affinity')).toHaveLength(16 - won.length)
  expect(await checkIpam(first)).toEqual([])
})
