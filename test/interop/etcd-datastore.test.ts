/**
 * The etcd driver keeps the datastore contract: against one real member through a proxy that cuts, and against three.
 */
import { type Datastore, Syncer } from '@starling/datastore'
import { systemClock } from '@starling/datastore/clock'
import { datastoreCompliance } from '@starling/datastore/compliance'
import { etcdDatastore } from '@starling/datastore/etcd'
import { EtcdClient } from '@starling/etcd3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { CuttingProxy, EtcdRig, PATIENT, until } from './etcd-rig.js'

needs('etcd')

let single: EtcdRig
let three: EtcdRig
let proxy: CuttingProxy

beforeAll(async () => {
  ;[single, three] = await Promise.all([EtcdRig.start(), EtcdRig.start({ members: 3 })])
  proxy = await CuttingProxy.start(single.ports[0]!)
})
afterAll(async () => {
  await proxy.close()
  await Promise.all([single.close(), three.close()])
})

/** Each test has a namespace of its own in the shared store, and a second client that plays somebody else. */
let spaces = 0
async function driver(driverUrls: readonly string[], otherUrls: readonly string[], cut?: () => Promise<void>) {
  const namespace = `/space${++spaces}`
  const datastore = await etcdDatastore({ endpoints: driverUrls, namespace, pageSize: 3 })
  const other = await EtcdClient.open({ endpoints: otherUrls, ...PATIENT })
  return {
    datastore,
    set: async (key: string, value: string) => void (await other.put(namespace + key, value)),
    remove: async (key: string) => void (await other.delete(namespace + key)),
    compact: async () => {
      await other.compact((await other.readPrefix('/none')).revision)
    },
    ...(cut && { cut }),
    close: async () => {
      other.close()
      await datastore.close()
    },
  }
}

datastoreCompliance(
  'the etcd driver, single member behind a cutting proxy,',
  () => driver([proxy.url], single.urls, async () => proxy.cut()),
  { linked: true },
)

datastoreCompliance('the etcd driver, three members,', () => driver(three.urls, three.urls))

it('keeps clusters apart that share one etcd', async () => {
  const [a, b] = await Promise.all(
    ['/one', '/two'].map((namespace) => etcdDatastore({ endpoints: single.urls, namespace })),
  )
  await (a as Datastore).create('/calico/x', '1')
  expect(await b!.get('/calico/x')).toBeUndefined()
  expect((await a!.list('/')).entries.map(({ key }) => key)).toEqual(['/calico/x'])
  await Promise.all([a!.close(), b!.close()])
})

it('gives a syncer the whole picture and each change within tens of milliseconds', async () => {
  const datastore = await etcdDatastore({ endpoints: single.urls, namespace: '/sync' })
  for (let i = 0; i < 10; i++) await datastore.create(`/calico/n${i}`, String(i))
  const sizes: number[] = []
  const changes: string[][] = []
  const syncer = new Syncer({
    datastore,
    prefixes: ['/calico/'],
    clock: systemClock,
    listener: {
      snapshot: (snapshot, changed) => {
        sizes.push(snapshot.size)
        changes.push([...changed])
      },
      status: () => {},
    },
  })
  syncer.start()
  await until('in sync', () => syncer.status === 'in-sync')
  expect(sizes).toEqual([10])
  await datastore.delete('/calico/n3')
  await until('the change', () => sizes.length === 2)
  expect(changes[1]).toEqual(['/calico/n3'])
  syncer.stop()
  await datastore.close()
})
