/** The door of `@starling/etcd3`: an etcd v3 client whose watch cannot lose an event. */
export { absent, EtcdClient, type EtcdOptions, type PrefixRead, unchanged } from './client.js'
export { discoverEndpoints, type SrvRecord, type SrvResolver } from './discovery.js'
export { EtcdError, type EtcdErrorCode } from './errors.js'
export type { Lease } from './lease.js'
export {
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeResponse,
  type KeyValue,
  prefixEnd,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type StatusResponse,
  type TxnRequest,
  type TxnResponse,
} from './messages.js'
export type { TlsOptions } from './tls.js'
export type { WatchEnd, WatchEvent, Watcher, WatchSink } from './watch.js'
