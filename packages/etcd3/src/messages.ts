/**
 * etcd's messages, as far as we use them: field numbers as in etcd's `rpc.proto` and `kv.proto` (API version 3, stable
 * since etcd 3.0; `fragment` since 3.4). Names are the same in camel case. Keys and values are text: everything a
 * cluster keeps here is UTF-8. 64-bit ids are decimal strings, revisions numbers.
 */
import { type Descriptor, decode, descriptor, encode, type Message } from './wire.js'

/** A remote procedure: its path and the codecs of both directions. */
export interface Method<Request, Response> {
  readonly path: string
  readonly encode: (request: Request) => Buffer
  readonly decode: (bytes: Buffer) => Response
  /** The tables behind the two, for whoever plays the server. */
  readonly tables: { readonly request: Descriptor; readonly response: Descriptor }
}

export interface ResponseHeader {
  readonly clusterId: string
  readonly memberId: string
  readonly revision: number
  readonly raftTerm: string
}

export interface KeyValue {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease: string
}

export interface RangeRequest {
  readonly key: string
  readonly rangeEnd?: Buffer
  readonly limit?: number
  readonly revision?: number
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
}

export interface RangeResponse {
  readonly header: ResponseHeader
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}

export interface PutRequest {
  readonly key: string
  readonly value: string
  readonly lease?: string
  readonly prevKv?: boolean
}

export interface PutResponse {
  readonly header: ResponseHeader
  readonly prevKv?: KeyValue
}

export interface DeleteRangeRequest {
  readonly key: string
  readonly rangeEnd?: Buffer
  readonly prevKv?: boolean
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader
  readonly deleted: number
  readonly prevKvs: readonly KeyValue[]
}

/** Exactly one of the three. */
export interface RequestOp {
  readonly range?: RangeRequest
  readonly put?: PutRequest
  readonly deleteRange?: DeleteRangeRequest
}

export interface ResponseOp {
  readonly range?: RangeResponse
  readonly put?: PutResponse
  readonly deleteRange?: DeleteRangeResponse
}

export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const

export interface Compare {
  readonly result: number
  readonly target: number
  readonly key: string
  readonly version?: number
  readonly createRevision?: number
  readonly modRevision?: number
  readonly value?: string
  readonly lease?: string
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnResponse {
  readonly header: ResponseHeader
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface WatchCreateRequest {
  readonly key: string
  readonly rangeEnd?: Buffer
  readonly startRevision: number
  readonly progressNotify: boolean
  readonly fragment: boolean
}

export interface WatchResponse {
  readonly header: ResponseHeader
  readonly created: boolean
  readonly canceled: boolean
  readonly compactRevision: number
  readonly cancelReason: string
  readonly fragment: boolean
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[]
}

export interface StatusResponse {
  readonly header: ResponseHeader
  readonly version: string
  readonly dbSize: number
  readonly leader: string
  readonly raftIndex: number
  readonly raftTerm: string
  readonly errors: readonly string[]
  readonly isLearner: boolean
}

export interface LeaseResponse {
  readonly header: ResponseHeader
  readonly id: string
  readonly ttl: number
}

const header = descriptor([1, 'clusterId', 'id'], [2, 'memberId', 'id'], [3, 'revision', 'int'], [4, 'raftTerm', 'id'])
const keyValue = descriptor(
  [1, 'key', 'string'],
  [2, 'createRevision', 'int'],
  [3, 'modRevision', 'int'],
  [4, 'version', 'int'],
  [5, 'value', 'string'],
  [6, 'lease', 'id'],
)
const rangeRequest = descriptor(
  [1, 'key', 'string'],
  [2, 'rangeEnd', 'bytes'],
  [3, 'limit', 'int'],
  [4, 'revision', 'int'],
  [7, 'serializable', 'bool'],
  [8, 'keysOnly', 'bool'],
  [9, 'countOnly', 'bool'],
)
const rangeResponse = descriptor(
  [1, 'header', header],
  [2, 'kvs', keyValue, 'repeated'],
  [3, 'more', 'bool'],
  [4, 'count', 'int'],
)
const putRequest = descriptor([1, 'key', 'string'], [2, 'value', 'string'], [3, 'lease', 'id'], [4, 'prevKv', 'bool'])
const putResponse = descriptor([1, 'header', header], [2, 'prevKv', keyValue])
const deleteRequest = descriptor([1, 'key', 'string'], [2, 'rangeEnd', 'bytes'], [3, 'prevKv', 'bool'])
const deleteResponse = descriptor([1, 'header', header], [2, 'deleted', 'int'], [3, 'prevKvs', keyValue, 'repeated'])
const requestOp = descriptor([1, 'range', rangeRequest], [2, 'put', putRequest], [3, 'deleteRange', deleteRequest])
const responseOp = descriptor([1, 'range', rangeResponse], [2, 'put', putResponse], [3, 'deleteRange', deleteResponse])
const compare = descriptor(
  [1, 'result', 'int'],
  [2, 'target', 'int'],
  [3, 'key', 'string'],
  [4, 'version', 'int'],
  [5, 'createRevision', 'int'],
  [6, 'modRevision', 'int'],
  [7, 'value', 'string'],
  [8, 'lease', 'id'],
)
const txnRequest = descriptor(
  [1, 'compare', compare, 'repeated'],
  [2, 'success', requestOp, 'repeated'],
  [3, 'failure', requestOp, 'repeated'],
)
const txnResponse = descriptor(
  [1, 'header', header],
  [2, 'succeeded', 'bool'],
  [3, 'responses', responseOp, 'repeated'],
)
const watchCreate = descriptor(
  [1, 'key', 'string'],
  [2, 'rangeEnd', 'bytes'],
  [3, 'startRevision', 'int'],
  [4, 'progressNotify', 'bool'],
  [8, 'fragment', 'bool'],
)
const watchRequest = descriptor([1, 'createRequest', watchCreate])
const event = descriptor([1, 'type', 'int'], [2, 'kv', keyValue])
const watchResponse = descriptor(
  [1, 'header', header],
  [3, 'created', 'bool'],
  [4, 'canceled', 'bool'],
  [5, 'compactRevision', 'int'],
  [6, 'cancelReason', 'string'],
  [7, 'fragment', 'bool'],
  [11, 'events', event, 'repeated'],
)
const compactRequest = descriptor([1, 'revision', 'int'], [2, 'physical', 'bool'])
const headerOnly = descriptor([1, 'header', header])
const leaseGrantRequest = descriptor([1, 'ttl', 'int'], [2, 'id', 'id'])
const leaseRequest = descriptor([1, 'id', 'id'])
const leaseResponse = descriptor([1, 'header', header], [2, 'id', 'id'], [3, 'ttl', 'int'])
const statusResponse = descriptor(
  [1, 'header', header],
  [2, 'version', 'string'],
  [3, 'dbSize', 'int'],
  [4, 'leader', 'id'],
  [5, 'raftIndex', 'int'],
  [6, 'raftTerm', 'id'],
  [8, 'errors', 'string', 'repeated'],
  [10, 'isLearner', 'bool'],
)
const authRequest = descriptor([1, 'name', 'string'], [2, 'password', 'string'])
const authResponse = descriptor([1, 'header', header], [2, 'token', 'string'])

/** The one place where the tables meet the types. */
function method<Request, Response>(path: string, request: Descriptor, response: Descriptor): Method<Request, Response> {
  return {
    path: `/etcdserverpb.${path}`,
    encode: (value) => encode(request, value as Message),
    decode: (bytes) => decode(response, bytes) as Response,
    tables: { request, response },
  }
}

interface WithHeader {
  readonly header: ResponseHeader
}

export const methods = {
  range: method<RangeRequest, RangeResponse>('KV/Range', rangeRequest, rangeResponse),
  put: method<PutRequest, PutResponse>('KV/Put', putRequest, putResponse),
  deleteRange: method<DeleteRangeRequest, DeleteRangeResponse>('KV/DeleteRange', deleteRequest, deleteResponse),
  txn: method<TxnRequest, TxnResponse>('KV/Txn', txnRequest, txnResponse),
  compact: method<{ revision: number; physical?: boolean }, WithHeader>('KV/Compact', compactRequest, headerOnly),
  watch: method<{ createRequest: WatchCreateRequest }, WatchResponse>('Watch/Watch', watchRequest, watchResponse),
  leaseGrant: method<{ ttl: number; id?: string }, LeaseResponse>('Lease/LeaseGrant', leaseGrantRequest, leaseResponse),
  leaseRevoke: method<{ id: string }, WithHeader>('Lease/LeaseRevoke', leaseRequest, headerOnly),
  leaseKeepAlive: method<{ id: string }, LeaseResponse>('Lease/LeaseKeepAlive', leaseRequest, leaseResponse),
  status: method<Record<never, never>, StatusResponse>('Maintenance/Status', descriptor(), statusResponse),
  authenticate: method<{ name: string; password: string }, WithHeader & { token: string }>(
    'Auth/Authenticate',
    authRequest,
    authResponse,
  ),
} as const

/** The end of the range of all keys with this prefix: the prefix with its last byte that is not 0xff raised by one. */
export function prefixEnd(prefix: string): Buffer {
  const bytes = Buffer.from(prefix)
  for (let i = bytes.length - 1; i >= 0; i--) {
    if (bytes[i]! < 0xff) {
      const end = Buffer.from(bytes.subarray(0, i + 1))
      end[i]! += 1
      return end
    }
  }
  // "\0" as the end of a range means "to the last key".
  return Buffer.from([0])
}
