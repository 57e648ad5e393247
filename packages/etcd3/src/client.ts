/**
 * The client: what a user of etcd calls. Every method is one request of `messages.ts` given to `rpc.ts`, or a machine
 * built on it (`watch.ts`, `lease.ts`). It holds no state of the cluster's data.
 */
import { jitteredBackoff } from './clock.js'
import { discoverEndpoints, type SrvResolver } from './discovery.js'
import { type Endpoint, Endpoints, type KeepaliveOptions } from './endpoints.js'
import { EtcdError } from './errors.js'
import { Lease } from './lease.js'
import type { DeleteRangeResponse, KeyValue, StatusResponse, TxnRequest, TxnResponse } from './messages.js'
import { CompareResult, CompareTarget, methods, prefixEnd } from './messages.js'
import { Rpc } from './rpc.js'
import { loadTls, type TlsMaterial, type TlsOptions, watchTls } from './tls.js'
import { Watcher, type WatchSink } from './watch.js'

export interface EtcdOptions {
  /** `http://host:port`, `https://host:port`, or `host:port`. Either this or `discoverySrv`. */
  readonly endpoints?: readonly string[]
  /** Domain whose SRV records name the members. */
  readonly discoverySrv?: string
  readonly tls?: TlsOptions
  readonly username?: string
  readonly password?: string
  /** Budget of one attempt at one member; 3 s. */
  readonly attemptMs?: number
  /** Budget of a call with all its attempts; 10 s. */
  readonly callMs?: number
  /** Pings on the connection: after 10 s of silence, answered within 5 s. */
  readonly keepalive?: KeepaliveOptions
  /** Longest pause between rounds over all members; 5 s. */
  readonly maxBackoffMs?: number
  /** Injected by tests. */
  readonly random?: () => number
  readonly resolveSrv?: SrvResolver
}

export interface PrefixRead {
  readonly kvs: readonly KeyValue[]
  readonly revision: number
  readonly clusterId: string
}

/** Compactions that may hit between the pages of one read before it gives up. */
const LIST_ATTEMPTS = 5

export class EtcdClient {
  readonly #rpc: Rpc
  readonly #stopTls: () => void
  #clusterId: string | undefined

  private constructor(rpc: Rpc, stopTls: () => void) {
    this.#rpc = rpc
    this.#stopTls = stopTls
  }

  /** Checks the options and finds the endpoints. Connects lazily: a cluster that is down is not an error here. */
  static async open(options: EtcdOptions): Promise<EtcdClient> {
    if ((options.endpoints === undefined) === (options.discoverySrv === undefined)) {
      throw new EtcdError('invalid', 'etcd: give either endpoints or discoverySrv')
    }
    if ((options.username === undefined) !== (options.password === undefined)) {
      throw new EtcdError('invalid', 'etcd: a user name needs a password, and a password a user name')
    }
    let tls: TlsMaterial | undefined = options.tls && loadTls(options.tls)
    let urls = options.endpoints ?? (await discoverEndpoints(options.discoverySrv!, options.resolveSrv))
    const endpoints = new Endpoints(options.keepalive ?? { timeMs: 10_000, timeoutMs: 5_000 })
    endpoints.set(urls, tls)

    const { discoverySrv, username, password } = options
    /** All members failed: perhaps they moved. */
    const rediscover = () => {
      if (discoverySrv === undefined) return
      discoverEndpoints(discoverySrv, options.resolveSrv).then(
        (found) => {
          if (rpc.closed || found.join() === urls.join()) return
          urls = found
          endpoints.set(urls, tls)
        },
        () => {},
      )
    }
    const backoff = () => jitteredBackoff(100, options.maxBackoffMs ?? 5_000, options.random)
    const budgets = { attemptMs: options.attemptMs ?? 3_000, callMs: options.callMs ?? 10_000 }
    const auth = username === undefined ? undefined : { username, password: password! }
    const rpc = new Rpc(endpoints, budgets, backoff, rediscover, auth)
    const stopTls = options.tls
      ? watchTls(options.tls, tls!, (material) => {
          tls = material
          endpoints.set(urls, tls)
        })
      : () => {}
    return new EtcdClient(rpc, stopTls)
  }

  get endpoints(): readonly string[] {
    return this.#rpc.endpoints.all.map(({ url }) => url)
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const { kvs } = await this.#rpc.call(methods.range, { key }, { idempotent: true })
    return kvs[0]
  }

  /** All keys with a prefix, at one revision, in pages. */
  async readPrefix(prefix: string, pageSize = 1_000): Promise<PrefixRead> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#readPages(prefix, pageSize)
      } catch (error) {
        // Compacted between two pages: the picture is gone, take a new one.
        if (!(error instanceof EtcdError && error.code === 'compacted') || attempt === LIST_ATTEMPTS) throw error
      }
    }
  }

  async #readPages(prefix: string, limit: number): Promise<PrefixRead> {
    const rangeEnd = prefixEnd(prefix)
    const kvs: KeyValue[] = []
    // An empty key is "\0" to etcd: the first of all.
    let key = prefix === '' ? '\0' : prefix
    let revision = 0
    for (;;) {
      const page = await this.#rpc.call(methods.range, { key, rangeEnd, limit, revision }, { idempotent: true })
      if (revision === 0) {
        revision = page.header.revision
        this.#clusterId = page.header.clusterId
      }
      for (const kv of page.kvs) kvs.push(kv)
      const last = page.kvs.at(-1)
      if (!page.more || last === undefined) return { kvs, revision, clusterId: page.header.clusterId }
      key = `${last.key}\0`
    }
  }

  /** Returns the revision of the write. */
  async put(key: string, value: string, { lease }: { lease?: string } = {}): Promise<number> {
    const { header } = await this.#rpc.call(methods.put, lease === undefined ? { key, value } : { key, value, lease })
    return header.revision
  }

  delete(key: string): Promise<DeleteRangeResponse> {
    return this.#rpc.call(methods.deleteRange, { key, prevKv: true })
  }

  deletePrefix(prefix: string): Promise<DeleteRangeResponse> {
    return this.#rpc.call(methods.deleteRange, { key: prefix, rangeEnd: prefixEnd(prefix), prevKv: true })
  }

  txn(request: TxnRequest): Promise<TxnResponse> {
    return this.#rpc.call(methods.txn, request)
  }

  /** Every change under a prefix from a revision on. The sink is never called before this returns. */
  watchPrefix(prefix: string, from: number, sink: WatchSink): Watcher {
    const range = { key: prefix === '' ? '\0' : prefix, rangeEnd: prefixEnd(prefix) }
    return new Watcher(this.#rpc, range, from, this.#clusterId, sink)
  }

  async lease(ttlSeconds: number, lost: (reason: string) => void): Promise<Lease> {
    const { id, ttl } = await this.#rpc.call(methods.leaseGrant, { ttl: ttlSeconds })
    return new Lease(this.#rpc, id, ttl, lost)
  }

  async compact(revision: number, physical = false): Promise<void> {
    await this.#rpc.call(methods.compact, { revision, physical })
  }

  /** Asks every member by itself. */
  status(): Promise<{ url: string; status: StatusResponse | EtcdError }[]> {
    const ask = async (endpoint: Endpoint) => {
      const status = await this.#rpc.call(methods.status, {}, { endpoint }).catch((error: EtcdError) => error)
      return { url: endpoint.url, status }
    }
    return Promise.all(this.#rpc.endpoints.all.map(ask))
  }

  close(): void {
    this.#stopTls()
    this.#rpc.close()
  }
}

/** The compares of Calico's compare-and-swap (calico.md 1.2). */
export const absent = (key: string) =>
  ({ result: CompareResult.equal, target: CompareTarget.version, key, version: 0 }) as const
export const unchanged = (key: string, modRevision: number) =>
  ({ result: CompareResult.equal, target: CompareTarget.mod, key, modRevision }) as const
