export type { Clock } from './clock.js'
export * from './datastore.js'
export { type Change, SortedSnapshot } from './snapshot.js'
