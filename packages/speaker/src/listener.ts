/**
 * One listening address: kept trying while the address is not there yet, with MD5 keys that follow the configuration.
 *
 * GTSM belongs to a peer, a listener to all of them: it only sends with TTL 255 as soon as one peer wants that, and the
 * minimum is set on the accepted socket (`acceptedTtl`), before a byte of it is read.
 */
import type { Socket } from 'node:net'
import type { EngineConfig } from '@starling/engine'
import { IP, IPV6, openTcpListener, SOL, setsockopt, type TcpListener } from '@starling/sys'
import { type Keys, keyChanges, keysFor, wantsTtl } from './keys.js'
import { BACKLOG, LISTEN_RETRY } from './limits.js'

export interface ListenAddress {
  readonly address: string
  readonly port: number
}

export interface ListenerReport {
  listening(at: ListenAddress): void
  /** It will be tried again. */
  waiting(at: ListenAddress, reason: string): void
  /** A key could not be set; the listener works without it. */
  keyFailed(at: ListenAddress, peer: string, reason: string): void
}

const FULL_TTL = 255

export class Listener {
  readonly #wanted: ListenAddress
  readonly #accept: (socket: Socket) => void
  readonly #report: ListenerReport
  #listener: TcpListener | undefined
  #keys: Keys = new Map()
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
    this.#keys = keysFor(config, this.#wanted.address)
    this.#ttl = wantsTtl(config)
    try {
      const listener = openTcpListener(
        {
          ...this.#wanted,
          backlog: BACKLOG,
          md5Keys: this.#keys,
          ...(this.#ttl && { ttl: FULL_TTL }),
        },
        this.#accept,
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
    const after = keysFor(config, this.#wanted.address)
    const { set, remove } = keyChanges(this.#keys, after)
    this.#keys = after
    for (const [peer, key] of set) this.#try(peer, () => listener.addMd5Key(peer, key))
    for (const peer of remove) this.#try(peer, () => listener.removeMd5Key(peer))
  }

  #try(peer: string, change: () => void): void {
    try {
      change()
    } catch (error) {
      this.#report.keyFailed(this.#wanted, peer, error instanceof Error ? error.message : String(error))
    }
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

/** GTSM for an accepted socket: segments that came from further away are dropped by the kernel from now on. */
export function requireTtl(socket: Socket, hops: number): void {
  // The descriptor of a net.Socket has no documented name; it has been this one since Node 0.x (node.md section 3).
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle
  const fd = handle?.fd
  if (fd === undefined || fd < 0) return
  const minimum = FULL_TTL + 1 - hops
  if (socket.remoteFamily === 'IPv6') setsockopt(fd, SOL.IPV6, IPV6.MINHOPCOUNT, minimum)
  else setsockopt(fd, SOL.IP, IP.MINTTL, minimum)
}
