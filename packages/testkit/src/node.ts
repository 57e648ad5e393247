/**
 * One speaker in a simulation: an engine, its sink on the simulated network, and its loop.
 *
 * The loop is the speaker's in small: inputs mark, work happens a moment later in slices, timers go first.
 */
import { formatAddress } from '@starling/bgp-packet'
import {
  type ConnectionId,
  type ConnectTarget,
  Engine,
  type EngineConfig,
  type EngineEvent,
  type EngineOptions,
  type FamilyName,
  type InstallView,
  type Sink,
} from '@starling/engine'
import { Prefix } from '@starling/inet'
import type { End, Host, Network } from './network.js'
import { type Random, seededRandom } from './random.js'
import { type Transcript, toHex } from './transcript.js'

export interface NodeOptions {
  readonly restarting?: boolean
  readonly tables?: EngineOptions['tables']
  /** Prefixes per slice of work. */
  readonly workLimit?: number
  /** Milliseconds between marking and working. */
  readonly workDelay?: number
  readonly transcript?: Transcript
}

/** Texts are shared: thousands of nodes hold the same thousands of prefixes and next hops. */
const texts = new Map<number, string>()
const hops = new Map<string, Map<string, Installed>>()

function prefixText(address: Uint8Array, length: number): string {
  if (address.length !== 4) return Prefix.from(address, length)?.toString() ?? `${formatAddress(address)}/${length}`
  const value = ((address[0] ?? 0) * 256 + (address[1] ?? 0)) * 65536 + (address[2] ?? 0) * 256 + (address[3] ?? 0)
  const key = value * 64 + length
  let text = texts.get(key)
  if (text === undefined) {
    text = String(Prefix.from(address, length))
    texts.set(key, text)
  }
  return text
}

function installedBy(from: string, nextHop: string): Installed {
  let known = hops.get(from)
  if (known === undefined) {
    known = new Map()
    hops.set(from, known)
  }
  let installed = known.get(nextHop)
  if (installed === undefined) {
    installed = { from, nextHop }
    known.set(nextHop, installed)
  }
  return installed
}

/** A route in the kernel: from whom, and by which next hop (`local` for our own). */
export interface Installed {
  readonly from: string
  readonly nextHop: string
}

export class SimNode implements Sink, Host {
  readonly address: string
  engine: Engine
  readonly events: EngineEvent[] = []
  /** What the kernel would have. */
  readonly installed = new Map<string, Installed>()
  readonly tracked = new Set<string>()
  alive = true
  readonly #network: Network
  readonly #random: Random
  readonly #options: NodeOptions
  readonly #ends = new Map<ConnectionId, End>()
  #nextAccept = 1
  #workAt = Number.POSITIVE_INFINITY
  #wakeAt = Number.POSITIVE_INFINITY
  #life = 0

  constructor(address: string, config: EngineConfig, network: Network, random: Random, options: NodeOptions = {}) {
    this.address = address
    this.#network = network
    this.#random = random
    this.#options = options
    this.engine = this.#newEngine(config, options.restarting ?? false)
    network.listen(this)
    this.#pump()
  }

  #newEngine(config: EngineConfig, restarting: boolean): Engine {
    const seed = this.#random.integer(0, 0x7fffffff)
    const at = this.#network.clock.now
    this.#options.transcript?.add({ at, input: 'start', seed, restarting })
    return new Engine(config, this, {
      now: at,
      random: seededRandom(seed),
      restarting,
      ...(this.#options.tables !== undefined && { tables: this.#options.tables }),
    })
  }

  /** The process dies: its kernel closes every connection, and says no more. */
  kill(): void {
    this.alive = false
    this.#life++
    this.#network.unlisten(this.address)
    for (const end of this.#ends.values()) end.close('abort')
    this.#ends.clear()
  }

  /** And comes back, with or without its forwarding state. */
  revive(restarting: boolean, config: EngineConfig = this.engine.config): void {
    this.alive = true
    this.#leftover.clear()
    if (restarting) for (const prefix of this.installed.keys()) this.#leftover.add(prefix)
    else this.installed.clear()
    this.#workAt = Number.POSITIVE_INFINITY
    this.#wakeAt = Number.POSITIVE_INFINITY
    this.engine = this.#newEngine(config, restarting)
    this.#network.listen(this)
    this.#pump()
  }

  /** Any input from a test: run it, then let the loop follow. */
  input<T>(run: (engine: Engine, now: number) => T): T {
    const result = run(this.engine, this.#network.clock.now)
    this.#pump()
    return result
  }

  // --- Host

  accept(end: End, remoteAddress: string): boolean {
    if (!this.alive) return false
    const id = this.#nextAccept
    this.#nextAccept += 2
    this.#attach(id, end)
    const endpoints = { remoteAddress, remotePort: 40000 + id, localAddress: this.address, localPort: 179 }
    const at = this.#network.clock.now
    this.#options.transcript?.add({ at, input: 'incoming', connection: id, endpoints })
    const admission = this.engine.incoming(id, endpoints, at)
    if (!admission.accepted) this.#ends.delete(id)
    this.#pump()
    return admission.accepted
  }

  #attach(id: ConnectionId, end: End): void {
    const life = this.#life
    this.#ends.set(id, end)
    const guarded = (run: (now: number) => void) => {
      if (life !== this.#life) return
      run(this.#network.clock.now)
      this.#pump()
    }
    end.events = {
      received: (bytes) => {
        guarded((now) => {
          this.#options.transcript?.add({ at: now, input: 'received', connection: id, bytes: toHex(bytes) })
          this.engine.received(id, bytes, now)
        })
      },
      drained: () =>
        guarded((now) => {
          this.#options.transcript?.add({ at: now, input: 'writable', connection: id })
          this.engine.writable(id, now)
        }),
      closed: (reason) => {
        this.#ends.delete(id)
        guarded((now) => {
          this.#options.transcript?.add({ at: now, input: 'closed', connection: id, reason })
          this.engine.closed(id, reason, now)
        })
      },
    }
  }

  // --- Sink

  connect(id: ConnectionId, target: ConnectTarget): void {
    const life = this.#life
    this.#network.dial(this.address, target.remoteAddress, (result) => {
      const now = this.#network.clock.now
      if (life !== this.#life || !this.#dialling.delete(id)) {
        if (typeof result !== 'string') result.close('abort')
        return
      }
      if (typeof result === 'string') {
        this.#options.transcript?.add({ at: now, input: 'failed', connection: id, reason: result })
        this.engine.failed(id, result, now)
      } else {
        this.#attach(id, result)
        const remote = { remoteAddress: target.remoteAddress, remotePort: target.remotePort }
        const endpoints = { ...remote, localAddress: this.address, localPort: 50000 }
        this.#options.transcript?.add({ at: now, input: 'opened', connection: id, endpoints })
        this.engine.opened(id, endpoints, now)
      }
      this.#pump()
    })
    this.#dialling.add(id)
  }

  readonly #dialling = new Set<ConnectionId>()

  close(id: ConnectionId, how: 'flush' | 'abort'): void {
    this.#dialling.delete(id)
    const end = this.#ends.get(id)
    this.#ends.delete(id)
    end?.close(how)
  }

  send(id: ConnectionId, bytes: Uint8Array): boolean {
    const at = this.#network.clock.now
    this.#options.transcript?.add({ at, output: 'sent', connection: id, bytes: toHex(bytes) })
    return this.#ends.get(id)?.send(bytes) ?? false
  }

  /** Kernel routes of an earlier life: the route programmer drops what nobody wanted again once deferral is over. */
  readonly #leftover = new Set<string>()

  #dropLeftover(): void {
    const life = this.#life
    this.#network.clock.after(1_000, () => {
      if (life !== this.#life) return
      for (const prefix of this.#leftover) this.installed.delete(prefix)
      this.#leftover.clear()
    })
  }

  installRoute(route: InstallView): void {
    const prefix = prefixText(route.address, route.length)
    if (this.#leftover.size > 0) this.#leftover.delete(prefix)
    const hop = route.nextHops[0]?.address
    const nextHop = hop === undefined ? 'local' : prefixText(hop, hop.length * 8).replace(/\/.*/, '')
    this.installed.set(prefix, installedBy(route.from, nextHop))
  }

  removeRoute(_family: FamilyName, address: Uint8Array, length: number): void {
    this.installed.delete(prefixText(address, length))
  }

  trackNextHop(address: string): void {
    this.tracked.add(address)
    const life = this.#life
    this.#network.clock.after(1, () => {
      if (life === this.#life && this.tracked.has(address))
        this.input((engine, now) => engine.nextHopChanged(address, true, 0, now))
    })
  }

  untrackNextHop(address: string): void {
    this.tracked.delete(address)
  }

  event(event: EngineEvent): void {
    if (event.type === 'graceful-restart' && event.phase === 'deferral-ended') this.#dropLeftover()
    this.events.push(event)
  }

  // --- the loop

  #pump(): void {
    if (!this.alive) return
    const { clock } = this.#network
    const life = this.#life
    if (this.engine.pending && this.#workAt === Number.POSITIVE_INFINITY) {
      this.#workAt = clock.now + (this.#options.workDelay ?? 1)
      clock.at(this.#workAt, () => {
        if (life !== this.#life) return
        this.#workAt = Number.POSITIVE_INFINITY
        const limit = this.#options.workLimit ?? 512
        this.#options.transcript?.add({ at: clock.now, input: 'work', limit })
        this.engine.work(limit, clock.now)
        this.#pump()
      })
    }
    const deadline = this.engine.nextDeadline()
    if (deadline < this.#wakeAt) {
      this.#wakeAt = deadline
      clock.at(deadline, () => {
        if (life !== this.#life || this.#wakeAt > clock.now) return
        this.#wakeAt = Number.POSITIVE_INFINITY
        this.#options.transcript?.add({ at: clock.now, input: 'tick' })
        this.engine.tick(clock.now)
        this.#pump()
      })
    }
  }
}
