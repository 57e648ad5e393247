import { describe, expect, it } from 'vitest'
import { datastoreCompliance, RecordingSink } from './compliance/index.js'
import { MemoryStore } from './memory.js'

datastoreCompliance('the memory driver', async () => {
  const store = new MemoryStore()
  const datastore = store.connect()
  return {
    datastore,
    set: async (key, value) => void store.commit([{ key, value }]),
    remove: async (key) => void store.commit([{ key, value: undefined }]),
    compact: async () => store.compact(),
    close: () => datastore.close(),
  }
})

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('the memory store', () => {
  it('is shared: what one user writes another sees, and one closing leaves the other alone', async () => {
    const store = new MemoryStore()
    const [a, b] = [store.connect(), store.connect()]
    const sink = new RecordingSink()
    b.watch('/', 1, sink)
    await a.create('/x', '1')
    await a.close()
    await settled()
    expect(sink.log).toEqual(['/x=1'])
    expect(await b.create('/x', '2')).toMatchObject({ conflict: 'exists' })
    expect(sink.ends).toEqual([])
  })

  it('commits several keys under one revision and hands them over in one call', async () => {
    const store = new MemoryStore()
    const sink = new RecordingSink()
    store.connect().watch('/', 1, sink)
    const revision = store.commit([
      { key: '/a', value: '1' },
      { key: '/b', value: '1' },
      { key: '/a', value: '2' },
      { key: '/none', value: undefined },
    ])
    await settled()
    expect(sink.log).toEqual(['/a=2', '/b=1'])
    expect(sink.revisions).toEqual([revision])
  })

  it('takes no revision for a change that changes nothing', () => {
    const store = new MemoryStore()
    expect(store.commit([{ key: '/none', value: undefined }])).toBe(store.revision)
    expect(store.revision).toBe(1)
  })

  it('forgets its oldest history at the limit and tells a watch that comes too late', async () => {
    const store = new MemoryStore({ historyLimit: 8 })
    for (let i = 0; i < 20; i++) store.commit([{ key: '/a', value: String(i) }])
    const [late, early] = [new RecordingSink(), new RecordingSink()]
    store.connect().watch('/', 2, late)
    store.connect().watch('/', store.revision, early)
    await settled()
    expect(late.ends).toEqual([{ reason: 'compacted', revision: store.compacted }])
    expect(early.log).toEqual(['/a=19'])
  })

  it('refuses a value that etcd would refuse', async () => {
    const datastore = new MemoryStore().connect()
    await expect(datastore.create('/a', 'x'.repeat(1_500_001))).rejects.toMatchObject({ retriable: false })
  })
})
