/** The door of `@starling/datastore`: the contract, the memory driver, snapshots and the syncer. Other drivers: subpaths. */
export type { Clock } from './clock.js'
export * from './datastore.js'
export { type KeyChange, type MemoryOptions, MemoryStore, VALUE_LIMIT } from './memory.js'
export { type Change, SortedSnapshot } from './snapshot.js'
export { Syncer, type SyncerOptions } from './syncer.js'
