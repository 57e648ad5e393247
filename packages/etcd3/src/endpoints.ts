/**
 * The members of the cluster and the one we talk to. Calls and watches stay with one member until it fails, then go to
 * the next; the order is shuffled once, so that thousands of nodes with the same list do not all choose the same member.
 *
 * One gRPC client per endpoint, with its own connection. New TLS material means new clients; the
 * watches of the old ones move over at once, which costs nothing because a watch resumes from its cursor.
 */
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { Client, type ClientOptions, credentials } from '@grpc/grpc-js'
import { shuffled } from './clock.js'
import { EtcdError } from './errors.js'
import type { TlsMaterial } from './tls.js'

export interface Endpoint {
  readonly url: string
  readonly client: Client
}

export interface KeepaliveOptions {
  /** A ping after this much silence. etcd refuses clients that ping more often than every 5 s (its default). */
  readonly timeMs: number
  readonly timeoutMs: number
}

/** Answers larger than this are refused. A page of 1,000 keys of etcd's largest value would be 1.5 GB: not a real case. */
const RECEIVE_LIMIT = 256 * 1024 * 1024

export class Endpoints {
  #endpoints: Endpoint[] = []
  #current = 0
  #closed = false
  readonly #options: ClientOptions
  readonly #retired = new Set<() => void>()

  constructor(keepalive: KeepaliveOptions) {
    this.#options = {
      'grpc.keepalive_time_ms': keepalive.timeMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.max_receive_message_length': RECEIVE_LIMIT,
      'grpc.max_send_message_length': RECEIVE_LIMIT,
      // We rotate and wait ourselves; gRPC only has to say quickly that a member is away.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
    }
  }

  get count(): number {
    return this.#endpoints.length
  }

  get all(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** Opens clients for these URLs and retires the former ones. */
  set(urls: readonly string[], tls: TlsMaterial | undefined): void {
    if (urls.length === 0) throw new EtcdError('invalid', 'no etcd endpoints')
    const former = this.#endpoints
    const formerUrl = former[this.#current]?.url
    const next = shuffled(urls).map((url): Endpoint => {
      const { target, secure, address } = parseEndpoint(url, tls !== undefined)
      const how = secure ? tlsCredentials(tls, address) : credentials.createInsecure()
      const named = secure && address !== undefined ? { 'grpc.ssl_target_name_override': NO_NAME } : {}
      return { url, client: new Client(target, how, { ...this.#options, ...named }) }
    })
    this.#endpoints = next
    this.#current = Math.max(
      0,
      next.findIndex(({ url }) => url === formerUrl),
    )
    for (const { client } of former) client.close()
    for (const moved of [...this.#retired]) moved()
  }

  /** Called when the clients of before are gone. The answer ends the subscription. */
  onRetired(callback: () => void): () => void {
    this.#retired.add(callback)
    return () => this.#retired.delete(callback)
  }

  current(): Endpoint {
    if (this.#closed) throw new EtcdError('closed', 'the etcd client is closed')
    return this.#endpoints[this.#current]!
  }

  /** Goes on to the next member, unless someone else's failure already did. True when that completes a round. */
  failed(endpoint: Endpoint): boolean {
    if (this.#endpoints[this.#current] !== endpoint) return false
    this.#current = (this.#current + 1) % this.#endpoints.length
    return this.#current === 0
  }

  close(): void {
    this.#closed = true
    for (const { client } of this.#endpoints) client.close()
    for (const moved of [...this.#retired]) moved()
  }
}

/**
 * A server dialled by address has no name to announce, and an address is not allowed there (RFC 6066 section 3; Node warns,
 * DEP0123). gRPC always announces something, so it gets this word, and the certificate is checked against the address.
 */
const NO_NAME = 'etcd'

function tlsCredentials(tls: TlsMaterial | undefined, address: string | undefined) {
  const verify =
    address === undefined
      ? {}
      : { checkServerIdentity: (_: string, peer: PeerCertificate) => checkServerIdentity(address, peer) }
  // Both or neither: gRPC refuses a certificate without its key.
  const [key, cert] = tls?.cert && tls.key ? [tls.key, tls.cert] : [null, null]
  return credentials.createSsl(tls?.ca ?? null, key, cert, verify)
}

export interface ParsedEndpoint {
  readonly target: string
  readonly secure: boolean
  /** Set when the host is an address and not a name. */
  readonly address?: string
}

/** `http://h:p`, `https://h:p` or `h:p` to a gRPC target that is taken literally (no proxy, no service config). */
export function parseEndpoint(text: string, tlsByDefault: boolean): ParsedEndpoint {
  const full = text.includes('://') ? text : `${tlsByDefault ? 'https' : 'http'}://${text}`
  if (!/^https?:\/\/./.test(full) || !URL.canParse(full)) {
    throw new EtcdError('invalid', `etcd endpoint "${text}": expected http://host:port or https://host:port`)
  }
  const url = new URL(full)
  const secure = url.protocol === 'https:'
  const port = url.port || (secure ? '443' : '80')
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(address)
  if (family === 0) return { target: `dns:///${url.hostname}:${port}`, secure }
  return { target: `ipv${family}:${url.hostname}:${port}`, secure, address }
}
