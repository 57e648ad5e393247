/**
 * Tables without routes: enough to test sessions alone. It sends End-of-RIB after each session comes up, finds the
 * peer's, and writes down what it was told.
 */
import type { EngineConfig, FamilyIndex, PeerSlot, SessionParameters, Tables, TablesHost } from '@starling/engine'

const HEADER = new Array<number>(16).fill(255)
/** End-of-RIB (RFC 4724 section 2): an empty UPDATE, or an empty MP_UNREACH_NLRI. */
const END_OF_RIB = [
  Uint8Array.from([...HEADER, 0, 23, 2, 0, 0, 0, 0]),
  Uint8Array.from([...HEADER, 0, 30, 2, 0, 0, 0, 7, 0x90, 15, 0, 3, 0, 2, 1]),
]

export class FakeTables implements Tables {
  readonly calls: string[] = []
  deferred = false
  /** Thrown by the next `update`. */
  failure: Error | undefined
  readonly #host: TablesHost
  readonly #up = new Map<PeerSlot, SessionParameters>()
  readonly #owed: { slot: PeerSlot; family: FamilyIndex }[] = []

  constructor(_config: EngineConfig, host: TablesHost) {
    this.#host = host
  }

  nextDeadline(): number {
    return Number.POSITIVE_INFINITY
  }

  tick(): void {}

  configure(): void {
    this.calls.push('configure')
  }

  peerUp(slot: PeerSlot, session: SessionParameters): void {
    this.calls.push(`up ${slot}`)
    this.#up.set(slot, session)
    for (const family of [0, 1] as const) if (session.families[family]) this.#owed.push({ slot, family })
  }

  peerReconfigured(slot: PeerSlot, session: SessionParameters, effect: { import: boolean; export: boolean }): void {
    this.calls.push(`reconfigured ${slot}${effect.import ? ' import' : ''}${effect.export ? ' export' : ''}`)
    this.#up.set(slot, session)
  }

  peerDown(slot: PeerSlot, retention: { stale: readonly [boolean, boolean] }): void {
    this.calls.push(`down ${slot} ${retention.stale.join(' ')}`)
    this.#up.delete(slot)
    if (!retention.stale[0] && !retention.stale[1]) this.#host.slotFree(slot)
  }

  markLongLivedStale(slot: PeerSlot, family: FamilyIndex): void {
    this.calls.push(`long-lived ${slot} ${family}`)
  }

  sweepStale(slot: PeerSlot, family: FamilyIndex): void {
    this.calls.push(`sweep ${slot} ${family}`)
    if (!this.#up.has(slot)) this.#host.slotFree(slot)
  }

  update(slot: PeerSlot, buffer: Uint8Array, start: number, end: number, now: number): undefined {
    const failure = this.failure
    this.failure = undefined
    if (failure !== undefined) throw failure
    this.calls.push(`update ${slot} ${end - start}`)
    if (end - start === 4 && buffer[start] === 0) this.#host.endOfRib(slot, 0, now)
    else if (end - start === 11 && buffer[start + 5] === 15) this.#host.endOfRib(slot, 1, now)
    return undefined
  }

  routeRefresh(slot: PeerSlot, family: FamilyIndex, subtype: number): void {
    this.calls.push(`refresh ${slot} ${family} ${subtype}`)
  }

  writable(slot: PeerSlot): void {
    this.calls.push(`writable ${slot}`)
  }

  setLocalRoute(): void {}
  removeLocalRoute(): void {}
  nextHopChanged(): void {}

  setDeferred(deferred: boolean): void {
    this.deferred = deferred
    this.calls.push(`deferred ${deferred}`)
  }

  work(): boolean {
    for (const { slot, family } of this.#owed.splice(0)) {
      if (this.#up.has(slot)) this.#host.transmit(slot, END_OF_RIB[family] ?? new Uint8Array(0))
    }
    return false
  }

  get pending(): boolean {
    return this.#owed.length > 0 && !this.deferred
  }

  familyViews(): readonly [] {
    return []
  }

  group(): { id: undefined; lagging: boolean; queuedBytes: number } {
    return { id: undefined, lagging: false, queuedBytes: 0 }
  }

  routes(): { routes: readonly [] } {
    return { routes: [] }
  }

  explain(prefix: string) {
    return { prefix, paths: [], decision: [], exports: [] }
  }

  receivedMessages(): readonly Uint8Array[] {
    return []
  }
  groups(): readonly [] {
    return []
  }

  memory() {
    return { prefixes: 0, paths: 0, attributeSets: 0, bytes: 0 }
  }

  sizes(): readonly [] {
    return []
  }

  audit(): readonly string[] {
    return []
  }
}
