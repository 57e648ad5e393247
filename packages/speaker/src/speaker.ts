/**
 * The speaker: the only BGP sockets and the only BGP clock of the process. It feeds the engine and executes its sink.
 *
 * It decides nothing about BGP. What it owns: listeners and dials, one outbox per connection, the loop that says when
 * work happens, and three ways to end (design section 4): `restart` lets the kernel close the connections so that
 * helpers keep our routes (RFC 4724), `shutdown` says goodbye, `drain` first asks everybody to go elsewhere (RFC 8326).
 */

import type { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  type ConnectionId,
  type ConnectTarget,
  Engine,
  type EngineConfig,
  type LocalRoute,
  type PeerKey,
  type Reconfiguration,
  type Sink,
} from '@starling/engine'
import { prepareAccepted } from './accepted.js'
import { BfdHost } from './bfd/host.js'
import { type BfdPeers, type BfdRanges, BfdWishes } from './bfd/wishes.js'
import { now } from './clock.js'
import { TcpConnection } from './connection.js'
import { dial } from './dialler.js'
import type { DiscoveryHost } from './discovery/host.js'
import { LinkSide } from './discovery/side.js'
import { DRAIN_TIME, Drain, type DrainStage } from './drain.js'
import { endpointsOf, errorText } from './endpoints.js'
import { MAX_CONNECTIONS, PREFIXES_PER_LOOK, TURN_BUDGET, WRITE_COST } from './limits.js'
import { type ListenAddress, Listener } from './listener.js'
import { Loop } from './loop.js'
import { SignatureWatch, watchedPorts } from './signatures.js'
import { type SinkTransport, sinkOf } from './sink.js'
import type { LoopDelay, SinkExtras, SpeakerNotice, SpeakerOptions, StopMode } from './types.js'
import { warmUp } from './warm-up.js'

interface Live {
  readonly connection: TcpConnection
  touched: boolean
}

/** How long `shutdown` waits for the last NOTIFICATIONs to leave. */
const GOODBYE = 500

export class Speaker {
  readonly engine: Engine
  readonly bfd: BfdHost
  readonly #extras: SinkExtras
  readonly #notice: (notice: SpeakerNotice) => void
  #listeners = new Map<string, Listener>()
  #listenWanted: readonly ListenAddress[]
  readonly #links: LinkSide
  readonly #loop: Loop
  readonly #live = new Map<ConnectionId, Live>()
  readonly #dialling = new Map<ConnectionId, Socket>()
  readonly #unsent: TcpConnection[] = []
  readonly #touched: Live[] = []
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  readonly #maxConnections: number
  #nextAccept = 1
  #turnRead = 0
  #configuring: Promise<unknown> = Promise.resolve()
  #config: EngineConfig
  #bfdPeers: BfdPeers
  #bfdRanges: BfdRanges
  readonly #bfdWishes: BfdWishes
  readonly #signatures = new SignatureWatch((from, signature) =>
    this.#input((at) => this.engine.signatureSeen(from, signature, at)),
  )
  readonly #drain = new Drain((set) => this.#serve(set))
  #stopping = false
  #linksPending = false

  constructor(options: SpeakerOptions) {
    this.#config = options.config
    this.#bfdPeers = options.bfd ?? new Map()
    this.#bfdRanges = options.bfdRanges ?? new Map()
    this.#maxConnections = options.maxConnections ?? MAX_CONNECTIONS
    this.#extras = options.extras
    this.#notice = options.notice ?? (() => undefined)
    this.#listenWanted = options.listen
    const random = options.random ?? Math.random
    this.#links = new LinkSide(
      {
        changed: () => this.#linksChanged(),
        problem: (reason) => this.#notice({ type: 'discovery-problem', reason }),
      },
      options.links,
      random,
    )
    this.#loop = new Loop({
      tick: (at) => this.engine.tick(at),
      work: (at) => this.engine.pending && this.engine.work(PREFIXES_PER_LOOK, at),
      endTurn: () => this.#endTurn(),
      nextDeadline: () => this.engine.nextDeadline(),
      roundCost: () => this.#live.size * WRITE_COST,
    })
    this.bfd = new BfdHost({
      changed: (peer, up, administrative) => this.bfdChanged(peer, up, administrative),
      problem: (reason) => this.#notice({ type: 'bfd-problem', reason }),
    })
    this.#bfdWishes = new BfdWishes(this.bfd, () => this.engine)
    for (const address of options.listen) this.#listeners.set(listenKey(address), this.#listener(address))
    // Before the real one is made: objects from before have shapes that warm code does not know.
    if (options.warmUp) warmUp(this.#config, { installs: this.#extras.installs ?? true })
    this.engine = new Engine(this.#effective(), this.#sink(), {
      now: now(),
      random,
      restarting: options.restarting ?? false,
      ...(options.tables !== undefined && { tables: options.tables }),
    })
  }

  /** Listen where possible, and begin to dial. Addresses that are not there yet are tried again in the background. */
  async start(): Promise<void> {
    this.#delay.enable()
    await Promise.all([...this.#listeners.values()].map((listener) => listener.open(this.#effective())))
    this.#links.configured(this.#config)
    this.#watch()
    this.#loop.poke()
  }

  /** Routers found on links, for the views. */
  get discovery(): DiscoveryHost {
    return this.#links.discovery
  }

  /** What is configured, with what was found on links, as far as a drain allows. */
  #effective(): EngineConfig {
    return this.#drain.apply(this.#links.apply(this.#config))
  }

  /** Ports in use, in the order of `listen`. */
  get ports(): readonly number[] {
    return [...this.#listeners.values()].map((listener) => listener.port)
  }

  get listening(): boolean {
    return [...this.#listeners.values()].every((listener) => listener.listening)
  }

  /** Keys first, so that a new peer never meets a listener without its key. Calls are served one after the other. */
  configure(
    config: EngineConfig,
    listen?: readonly ListenAddress[],
    bfd?: BfdPeers,
    bfdRanges?: BfdRanges,
  ): Promise<Reconfiguration> {
    return this.#serve(() => {
      this.#config = config
      this.#listenWanted = listen ?? this.#listenWanted
      this.#bfdPeers = bfd ?? this.#bfdPeers
      this.#bfdRanges = bfdRanges ?? this.#bfdRanges
      this.#links.configured(config)
    })
  }

  #serve(change: () => void): Promise<Reconfiguration> {
    const done = this.#configuring.then(async () => {
      change()
      const effective = this.#effective()
      await Promise.all([...this.#listeners.values()].map((listener) => listener.configure(effective)))
      await this.#listen(this.#links.listen(this.#listenWanted), effective)
      const result = this.#input((at) => this.engine.configure(effective, at))
      // Behind the engine, so that every verdict finds its peer.
      this.#watch()
      return result
    })
    this.#configuring = done.catch(() => undefined)
    return done
  }

  #watch(): void {
    this.#bfdWishes.set(this.#links.applyBfd(this.#bfdPeers), this.#bfdRanges)
    this.#signatures.set(watchedPorts(this.#config, this.ports))
  }

  /** Many changes of one turn are one. */
  #linksChanged(): void {
    if (this.#linksPending || this.#stopping) return
    this.#linksPending = true
    this.#serve(() => {
      this.#linksPending = false
    }).catch((error: unknown) => this.#notice({ type: 'discovery-problem', reason: errorText(error) }))
  }

  /** New addresses first, then those that are no longer wanted; sessions in place live on without their listener. */
  async #listen(addresses: readonly ListenAddress[], config: EngineConfig): Promise<void> {
    const next = new Map<string, Listener>()
    for (const address of addresses) {
      const key = listenKey(address)
      const known = this.#listeners.get(key)
      const listener = known ?? this.#listener(address)
      next.set(key, listener)
      if (known === undefined) await listener.open(config)
    }
    for (const [key, listener] of this.#listeners) if (!next.has(key)) listener.close()
    this.#listeners = next
  }

  #listener(address: ListenAddress): Listener {
    return new Listener(address, (socket) => this.#accepted(socket), {
      listening: (at) => this.#notice({ type: 'listening', ...at }),
      waiting: (at, reason) => this.#notice({ type: 'listen-waiting', ...at, reason }),
      keyFailed: (at, peer, reason) => this.#notice({ type: 'key-failed', address: at.address, peer, reason }),
    })
  }

  setLocalRoute(route: LocalRoute): void {
    this.#input((at) => this.engine.setLocalRoute(route, at))
  }

  removeLocalRoute(source: LocalRoute['source'], prefix: string): void {
    this.#input((at) => this.engine.removeLocalRoute(source, prefix, at))
  }

  nextHopChanged(address: string, reachable: boolean, metric: number, device?: string): void {
    this.#input((at) => this.engine.nextHopChanged(address, reachable, metric, at, device))
  }

  bfdChanged(peer: PeerKey, up: boolean, administrative = false): void {
    this.#input((at) => this.engine.bfdChanged(peer, up, at, administrative))
  }

  admin(peer: PeerKey, action: Parameters<Engine['admin']>[1], options: { readonly reason?: string } = {}): boolean {
    return this.#input((at) => this.engine.admin(peer, action, options, at))
  }

  /** How late the event loop has been since the last call. */
  loopDelay(): LoopDelay {
    const milliseconds = (value: number) => (Number.isFinite(value) ? value / 1e6 : 0)
    const delay = {
      p50: milliseconds(this.#delay.percentile(50)),
      p99: milliseconds(this.#delay.percentile(99)),
      maximum: milliseconds(this.#delay.max),
    }
    this.#delay.reset()
    return delay
  }

  /** When the inputs now worked on began to come in, for latencies. */
  get burstStart(): number {
    return this.#loop.burstStart
  }

  /** TCP connections open, dialled ones included. */
  get connections(): number {
    return this.#live.size
  }

  async stop(options: {
    readonly mode: StopMode
    readonly reason?: string
    readonly drainTime?: number
  }): Promise<void> {
    if (this.#stopping) return
    if (options.mode === 'drain') {
      await this.drain(options.drainTime)
      // The withdrawals leave before the connections do.
      await sleep(Math.min(options.drainTime ?? DRAIN_TIME, 1_000))
    }
    this.#stopping = true
    this.#drain.callOff()
    this.#links.stop()
    for (const listener of this.#listeners.values()) listener.close()
    if (options.mode !== 'restart') {
      this.#input((at) => this.engine.shutdown(options.reason ?? '', at))
      this.#endTurn()
      await sleep(this.#live.size > 0 ? GOODBYE : 0)
    }
    this.#loop.stop()
    this.#signatures.close()
    this.#delay.disable()
    // Closed by the kernel, without a word: to a helper this is a restart (RFC 4724 section 4.2).
    for (const { connection } of this.#live.values()) connection.close(options.mode === 'restart' ? 'abort' : 'flush')
    for (const socket of this.#dialling.values()) socket.destroy()
    this.#live.clear()
    this.#dialling.clear()
    // Behind the connections: BIRD and FRR take AdminDown for a broken path, which would end graceful restart.
    await this.bfd.stop()
  }

  get drainStage(): DrainStage {
    return this.#drain.stage
  }

  /**
   * RFC 8326: mark every route as going away, give the others time to choose, withdraw. Sessions stay, what is
   * configured meanwhile is drained too. Resolves when nothing is exported any more; a second call joins the first.
   */
  drain(time = DRAIN_TIME): Promise<void> {
    return this.#drain.begin(time)
  }

  /** Everything is announced again, as configured. */
  undrain(): Promise<void> {
    return this.#drain.cancel()
  }

  #input<T>(run: (at: number) => T): T {
    const result = run(now())
    this.#loop.poke()
    return result
  }

  // --- the engine's sink

  #sink(): Sink {
    const extras = this.#extras
    const transport: SinkTransport = {
      connect: (id, target) => this.#connect(id, target),
      close: (id, how) => this.#close(id, how),
      send: (id, bytes) => this.#send(id, bytes),
      event: (event) => {
        this.#links.event(event)
        this.#bfdWishes.observe(event)
        extras.event(event)
      },
    }
    return sinkOf(transport, extras)
  }

  #connect(id: ConnectionId, target: ConnectTarget): void {
    let socket: Socket
    try {
      socket = dial(target)
    } catch (error) {
      // The engine is in the middle of something: it hears of it in the next turn.
      const reason = errorText(error)
      setImmediate(() => this.#input((at) => this.engine.failed(id, reason, at)))
      return
    }
    this.#dialling.set(id, socket)
    const failed = (error: Error) => {
      if (!this.#dialling.delete(id)) return
      socket.destroy()
      this.#input((at) => this.engine.failed(id, errorText(error), at))
    }
    socket.on('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      if (!this.#dialling.delete(id)) {
        socket.destroy()
        return
      }
      this.#attach(id, socket)
      this.#input((at) => this.engine.opened(id, endpointsOf(socket, at), at))
      this.#flush()
    })
  }

  #close(id: ConnectionId, how: 'flush' | 'abort'): void {
    const dialling = this.#dialling.get(id)
    if (dialling !== undefined) {
      this.#dialling.delete(id)
      dialling.destroy()
    }
    const live = this.#live.get(id)
    this.#live.delete(id)
    live?.connection.close(how)
  }

  #send(id: ConnectionId, bytes: Uint8Array): boolean {
    const connection = this.#live.get(id)?.connection
    if (connection === undefined) return false
    if (!connection.listed) {
      connection.listed = true
      this.#unsent.push(connection)
    }
    return connection.send(bytes)
  }

  // --- sockets

  #accepted(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const remoteAddress = socket.remoteAddress
    if (this.#stopping || remoteAddress === undefined) {
      socket.destroy()
      return
    }
    if (this.#live.size + this.#dialling.size >= this.#maxConnections) {
      const reason = `${this.#maxConnections} connections are open`
      this.#notice({ type: 'connection-refused', remoteAddress, reason })
      socket.destroy()
      return
    }
    // A client that comes back at once: the end of its old connection is in this very turn's events, maybe behind this
    // one. Read it first, or the newcomer loses a collision against a session that is already gone.
    if (this.engine.hasSession(remoteAddress)) setImmediate(() => this.#admit(socket, remoteAddress))
    else this.#admit(socket, remoteAddress)
  }

  #admit(socket: Socket, remoteAddress: string): void {
    if (socket.destroyed || this.#stopping) {
      socket.destroy()
      return
    }
    const id = this.#nextAccept
    this.#nextAccept += 2
    this.#attach(id, socket)
    const admission = this.#input((at) => this.engine.incoming(id, endpointsOf(socket, at), at))
    if (!admission.accepted) {
      this.#live.delete(id)
      socket.destroy()
      this.#links.refused(remoteAddress)
      return
    }
    this.#guard(socket, remoteAddress)
    this.#flush()
  }

  /** What its peer or range wants of the accepted socket. */
  #guard(socket: Socket, remoteAddress: string): void {
    const peer = this.engine.peerConfig(remoteAddress)
    if (peer === undefined) return
    try {
      prepareAccepted(socket, peer)
    } catch (error) {
      this.#notice({ type: 'connection-refused', remoteAddress: peer.remoteAddress, reason: errorText(error) })
      socket.destroy()
    }
  }

  #attach(id: ConnectionId, socket: Socket): void {
    const live: Live = {
      touched: false,
      connection: new TcpConnection(socket, {
        received: (bytes) => {
          if (!live.touched) {
            live.touched = true
            this.#touched.push(live)
          }
          this.#turnRead += bytes.length
          if (this.#turnRead > TURN_BUDGET) live.connection.pause()
          this.engine.received(id, bytes, now())
          this.#loop.poke()
        },
        drained: () => this.#input((at) => this.engine.writable(id, at)),
        closed: (reason) => {
          this.#live.delete(id)
          this.#input((at) => this.engine.closed(id, reason, at))
        },
      }),
    }
    this.#live.set(id, live)
  }

  /** What this turn collected leaves. */
  #flush(): void {
    const unsent = this.#unsent
    for (let i = 0; i < unsent.length; i++) {
      const connection = unsent[i]
      if (connection === undefined) continue
      connection.listed = false
      connection.flush()
    }
    unsent.length = 0
  }

  #endTurn(): void {
    this.#flush()
    for (const live of this.#touched) {
      live.touched = false
      live.connection.resume()
    }
    this.#touched.length = 0
    this.#turnRead = 0
  }
}

const listenKey = ({ address, port, index }: ListenAddress): string => `${address} ${port} ${index ?? ''}`

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
