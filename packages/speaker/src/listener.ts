/**
 * One listening address: kept trying while the address is not there yet, with MD5 keys that follow the configuration.
 *
 * GTSM belongs to a peer, a listener to all of them: it only sends with TTL 255 as soon as one peer wants that, and the
 * minimum is set on the accepted socket (`accepted.ts`), before a byte of it is read.
 */
import type { Socket } from 'node:net'
import type { EngineConfig } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { hasNative, openTcpListener, type TcpListener } from '@starling/sys'
import { FULL_TTL, tosOf } from './accepted.js'
import { type Keys, keyChanges, keyName, keysFor, wantsTtl } from './keys.js'
import { BACKLOG, LISTEN_RETRY } from './limits.js'

export interface ListenAddress {
  readonly address: string
  readonly port: number
  /** Of the interface of a link-local address: another interface of the same name is another place to listen. */
  readonly index?: number
}

export interface ListenerReport {
  listening(at: ListenAddress): void
  /** It will be tried again. */
  waiting(at: ListenAddress, reason: string): void
  /** A key could not be set: that peer is turned away until it can, the others do not notice. */
  keyFailed(at: ListenAddress, peer: string, reason: string): void
}

/** CS6, network control: the precedence routing traffic has had since RFC 791. SYN-ACKs carry the listener's. */
const TOS = tosOf(48)

export class Listener {
  readonly #wanted: ListenAddress
  readonly #accept: (socket: Socket) => void
  readonly #report: ListenerReport
  #listener: TcpListener | undefined
  #keys: Keys = new Map()
  /** Peers and ranges whose key the kernel did not take: unsigned segments of theirs would get through. */
  readonly #keyless = new Set<string>()
  /** Peers whose key could not stand beside another's. */
  #clashes: ReadonlySet<string> = new Set()
  /** Those already told of: every plan tries them again. */
  readonly #toldOf = new Set<string>()
  #ttl = false
  #retry: NodeJS.Timeout | undefined
  #lastReason = ''
  #closed = false

  constructor(wanted: ListenAddress, accept: (socket: Socket) => void, report: ListenerReport) {
    this.#wanted = wanted
    this.#accept = accept
    this.#report = report
  }

  /** The port in use: the kernel's choice when 0 was asked. */
  get port(): number {
    return this.#listener?.port ?? this.#wanted.port
  }

  get listening(): boolean {
    return this.#listener !== undefined
  }

  /** One attempt; false = it goes on trying in the background. */
  async open(config: EngineConfig): Promise<boolean> {
    clearTimeout(this.#retry)
    if (this.#closed) return false
    this.#keys = this.#keysOf(config)
    this.#keyless.clear()
    this.#ttl = wantsTtl(config)
    try {
      const listener = openTcpListener(
        {
          ...this.#wanted,
          backlog: BACKLOG,
          md5Keys: this.#keys,
          onKeyError: (peer, error) => this.#keyFailed(peer, error),
          ...(hasNative() && { tos: TOS }),
          ...(this.#ttl && { ttl: FULL_TTL }),
        },
        (socket) => this.#admit(socket),
      )
      await listener.ready
      listener.server.on('error', (error) => this.#failed(error, config))
      this.#listener = listener
      this.#lastReason = ''
      this.#report.listening({ ...this.#wanted, port: listener.port })
      return true
    } catch (error) {
      this.#failed(error, config)
      return false
    }
  }

  #failed(error: unknown, config: EngineConfig): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (reason !== this.#lastReason) this.#report.waiting(this.#wanted, reason)
    this.#lastReason = reason
    this.#listener = undefined
    this.#retry = setTimeout(() => void this.open(config), LISTEN_RETRY)
  }

  /** New keys are in place before the engine knows the new peers; established sessions are not touched. */
  async configure(config: EngineConfig): Promise<void> {
    const listener = this.#listener
    if (listener === undefined || (wantsTtl(config) && !this.#ttl)) {
      // The TTL of SYN-ACKs is the listening socket's own: open it anew.
      this.#listener = undefined
      letGo(listener)
      await this.open(config)
      return
    }
    const after = this.#keysOf(config)
    const { set, remove } = keyChanges(this.#keys, after)
    this.#keys = after
    for (const peer of remove) {
      if (!this.#keyless.delete(peer)) this.#try(peer, () => listener.removeMd5Key(peer))
    }
    // What did not fit before may fit now.
    const missing = [...this.#keyless].map((peer) => [peer, after.get(peer) ?? ''] as const)
    this.#keyless.clear()
    for (const [peer, key] of new Map([...set, ...missing])) this.#try(peer, () => listener.addMd5Key(peer, key))
  }

  #keysOf(config: EngineConfig): Keys {
    const clashes = new Set<string>()
    const keys = keysFor(config, this.#wanted.address, clashes)
    for (const peer of clashes) {
      const reason = 'another interface has a peer of the same link-local address with another password'
      if (!this.#clashes.has(peer)) this.#report.keyFailed(this.#wanted, peer, reason)
    }
    this.#clashes = clashes
    return keys
  }

  #try(peer: string, change: () => void): void {
    try {
      change()
      this.#toldOf.delete(peer)
    } catch (error) {
      this.#keyFailed(peer, error)
    }
  }

  #keyFailed(peer: string, error: unknown): void {
    this.#keyless.add(peer)
    if (this.#toldOf.has(peer)) return
    this.#toldOf.add(peer)
    this.#report.keyFailed(this.#wanted, peer, error instanceof Error ? error.message : String(error))
  }

  #admit(socket: Socket): void {
    if (this.#keyless.size + this.#clashes.size > 0 && this.#lacksKey(socket.remoteAddress ?? '')) socket.destroy()
    else this.#accept(socket)
  }

  #lacksKey(address: string): boolean {
    const name = keyName(address)
    if (this.#keyless.has(name) || this.#clashes.has(address)) return true
    // A longer match with a key of its own wins in the kernel, and here.
    if (this.#keys.has(name)) return false
    const octets = Prefix.parseOrHost(address)?.bytes
    return (
      octets !== undefined &&
      [...this.#keyless].some((peer) => peer.includes('/') && Prefix.parse(peer)?.containsAddress(octets) === true)
    )
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    letGo(this.#listener)
    this.#listener = undefined
  }
}

/** Listening stops at once; the promise is about the accepted connections, which live on. */
function letGo(listener: TcpListener | undefined): void {
  listener?.close().catch(() => undefined)
}
