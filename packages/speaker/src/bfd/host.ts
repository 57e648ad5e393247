/**
 * BFD as the main thread sees it: the complete set of wanted sessions in, verdicts on paths out (RFC 5882).
 *
 * The worker starts with the first wanted session. Peers that share addresses share a session. The other side's
 * AdminDown, and the end of our own interest, say nothing about the path: such a verdict is `administrative`, and no BGP
 * session may fall for it (RFC 5882 section 3.2).
 */
import { Worker } from 'node:worker_threads'
import type { PeerKey } from '@starling/engine'
import { now } from '../clock.js'
import type { BfdAuthentication } from './authentication.js'
import { isConnected } from './connected.js'
import type { BfdSessionReport, BfdTarget, FromWorker, Lateness, ToWorker } from './messages.js'

/** What the configuration says about BFD towards one BGP peer. */
export interface BfdPeer {
  readonly remoteAddress: string
  readonly localAddress?: string
  readonly interface?: string
  /** Milliseconds; both directions. */
  readonly interval: number
  readonly multiplier: number
  readonly passive: boolean
  /** Absent: multihop exactly when the peer is on no network of ours. */
  readonly multihop?: boolean
  readonly authentication?: BfdAuthentication
}

export interface BfdHostEvents {
  changed(peer: PeerKey, up: boolean, administrative: boolean): void
  problem(text: string): void
}

/** A session, with the time since when it is as it is. */
export interface BfdSessionView extends BfdSessionReport {
  readonly since: number
  readonly multihop: boolean
}

export interface BfdStatistics {
  readonly sessions: number
  readonly lateness: Lateness
  readonly strangers: number
}

/** `excused`: not up because somebody switched it off, or because our own worker ended. */
type Verdict = 'up' | 'down' | 'excused'

/** A worker that died comes again after this. */
const RESTART = 1_000
const STOP_LIMIT = 500
const QUIET: Lateness = { p50: 0, p99: 0, maximum: 0 }

/** Beside this file in the built tree and in a bundle; run from the sources (tests), the built one is used. */
function workerUrl(): URL {
  const source = import.meta.url.endsWith('.ts')
  return new URL(source ? '../../dist/bfd/worker.js' : './worker.js', import.meta.url)
}

export class BfdHost {
  readonly #events: BfdHostEvents
  #worker: Worker | undefined
  #targets = new Map<string, BfdTarget>()
  #peers = new Map<PeerKey, string>()
  #wanted: ReadonlyMap<PeerKey, BfdPeer> = new Map()
  /** What was last said of each session; `down` when nothing was. */
  readonly #verdicts = new Map<string, Verdict>()
  #reports = new Map<string, BfdSessionReport & { readonly since: number }>()
  #lateness = QUIET
  #strangers = 0
  #restart: NodeJS.Timeout | undefined
  #stopped: (() => void) | undefined

  constructor(events: BfdHostEvents) {
    this.#events = events
  }

  /** The complete desired set. Sessions that stay are not disturbed; changed timers are negotiated by polling. */
  set(peers: ReadonlyMap<PeerKey, BfdPeer>): void {
    this.#wanted = peers
    const targets = new Map<string, BfdTarget>()
    const next = new Map<PeerKey, string>()
    for (const [peer, wanted] of peers) {
      const target = targetOf(wanted, this.#targets, (key) => this.#verdicts.get(key) === 'up')
      next.set(peer, target.key)
      // The first of those who share a session says how it is.
      if (!targets.has(target.key)) targets.set(target.key, target)
    }
    const before = this.#peers
    this.#peers = next
    this.#targets = targets
    for (const key of this.#reports.keys()) if (!targets.has(key)) this.#reports.delete(key)
    for (const key of this.#verdicts.keys()) if (!targets.has(key)) this.#verdicts.delete(key)
    if (targets.size > 0 || this.#worker !== undefined) this.#tell({ type: 'set', targets: [...targets.values()] })
    for (const peer of before.keys()) if (!next.has(peer)) this.#events.changed(peer, false, true)
    for (const [peer, key] of next) {
      const verdict = this.#verdicts.get(key) ?? 'down'
      if (verdict === 'up' || before.get(peer) !== key) this.#say(peer, verdict)
    }
  }

  /** Undefined: none is configured for this peer. */
  view(peer: PeerKey): BfdSessionView | undefined {
    const key = this.#peers.get(peer)
    const target = key === undefined ? undefined : this.#targets.get(key)
    if (target === undefined) return undefined
    const report = this.#reports.get(target.key) ?? { ...UNKNOWN, key: target.key, since: now() }
    return { ...report, multihop: target.multihop }
  }

  get statistics(): BfdStatistics {
    return { sessions: this.#targets.size, lateness: this.#lateness, strangers: this.#strangers }
  }

  /** Tells every peer that the end is no broken path. */
  async stop(): Promise<void> {
    clearTimeout(this.#restart)
    const worker = this.#worker
    if (worker === undefined) return
    this.#tell({ type: 'stop' })
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STOP_LIMIT)
      this.#stopped = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#worker = undefined
    await worker.terminate()
  }

  #tell(message: ToWorker): void {
    this.#worker ??= this.#start()
    this.#worker.postMessage(message)
  }

  #start(): Worker {
    // Without our loader and conditions: it runs from the built tree.
    const worker = new Worker(workerUrl(), { execArgv: [], name: 'bfd' })
    worker.unref()
    worker.on('message', (message: FromWorker) => this.#handle(message))
    worker.on('error', (error) => this.#events.problem(`the BFD worker failed: ${error.message}`))
    worker.on('exit', () => {
      if (this.#worker === worker) this.#died()
    })
    return worker
  }

  /** Our own failure says nothing about any path. */
  #died(): void {
    this.#worker = undefined
    this.#reports.clear()
    for (const key of this.#targets.keys()) this.#judge(key, 'excused')
    this.#restart = setTimeout(() => this.#tell({ type: 'set', targets: [...this.#targets.values()] }), RESTART)
    this.#restart.unref()
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case 'changed':
        this.#keep(message.session)
        break
      case 'report':
        for (const session of message.sessions) this.#keep(session)
        this.#lateness = message.lateness
        this.#strangers = message.strangers
        this.#reconsider()
        break
      case 'problem':
        this.#events.problem(message.text)
        break
      case 'stopped':
        this.#stopped?.()
    }
  }

  /** A machine that starts before its interfaces have addresses takes every peer for one behind routers. */
  #reconsider(): void {
    const wrong = [...this.#wanted.values()].some((peer) => {
      if (peer.multihop !== undefined || peer.interface !== undefined) return false
      const key = keyOf(peer, true)
      return this.#targets.has(key) && this.#verdicts.get(key) !== 'up' && isConnected(peer.remoteAddress)
    })
    if (wrong) this.set(this.#wanted)
  }

  #keep(report: BfdSessionReport): void {
    const { key, state, remoteState } = report
    if (!this.#targets.has(key)) return
    this.#reports.set(key, { ...report, since: now() - report.age })
    this.#judge(key, state === 'Up' ? 'up' : remoteState === 'AdminDown' ? 'excused' : 'down')
  }

  /** Told once per change: nothing that was said before is said again. */
  #judge(key: string, verdict: Verdict): void {
    if ((this.#verdicts.get(key) ?? 'down') === verdict) return
    this.#verdicts.set(key, verdict)
    for (const [peer, target] of this.#peers) if (target === key) this.#say(peer, verdict)
  }

  #say(peer: PeerKey, verdict: Verdict): void {
    this.#events.changed(peer, verdict === 'up', verdict === 'excused')
  }
}

const UNKNOWN: Omit<BfdSessionReport, 'key'> = {
  state: 'Down',
  diagnostic: 0,
  remoteState: 'Down',
  remoteDiagnostic: 0,
  localDiscriminator: 0,
  remoteDiscriminator: 0,
  age: 0,
  transmitInterval: 0,
  detectionTime: 0,
  packetsReceived: 0,
  packetsSent: 0,
  packetsDiscarded: 0,
  lastDiscard: '',
  downs: 0,
  problem: '',
}

/**
 * A session that exists keeps its kind: an interface that loses its address must not turn single hop into multihop. A
 * multihop one that is not up may have been a mistake.
 */
function targetOf(peer: BfdPeer, existing: ReadonlyMap<string, BfdTarget>, isUp: (key: string) => boolean): BfdTarget {
  const { multihop: wanted, ...rest } = peer
  if (wanted !== undefined) return { ...rest, key: keyOf(peer, wanted), multihop: wanted }
  const settled = existing.has(keyOf(peer, false)) ? false : isUp(keyOf(peer, true)) ? true : undefined
  const multihop = settled ?? !(peer.interface !== undefined || isConnected(peer.remoteAddress))
  return { ...rest, key: keyOf(peer, multihop), multihop }
}

function keyOf({ remoteAddress, localAddress, interface: device }: BfdPeer, multihop: boolean): string {
  return [multihop ? 'multihop' : 'single hop', remoteAddress, localAddress ?? '', device ?? ''].join(' ')
}
