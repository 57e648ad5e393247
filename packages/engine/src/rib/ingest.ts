/**
 * A received UPDATE into rows: the station between codec and tables.
 *
 * Withdrawn prefixes first, then announced ones; attributes are looked at once per message. Treat-as-withdraw (RFC 7606
 * section 2) walks the announced ranges with the very code of explicit withdrawals. Prefixes are staged in the interner
 * in batches (touch pass) before any is inserted. Nothing is decided or sent here.
 */
import { type Fault, UpdateScan, Verdict } from '@starling/bgp-packet'
import { STAGE_SIZE } from '@starling/inet'
import { LIMITS } from '../config/limits.js'
import type { RouteEdit } from '../policy/edit.js'
import type { AttrId, AttributeStore } from './attributes.js'
import type { FamilyIndex, TablesHost, UpdateError } from './contract.js'
import type { FamilyRib } from './family.js'
import type { BlockInterner } from './intern.js'
import type { PeerState } from './peers.js'

export class Ingest {
  readonly #families: readonly [FamilyRib, FamilyRib]
  readonly #store: AttributeStore
  readonly #interner: BlockInterner
  readonly #edit: RouteEdit
  readonly #host: TablesHost
  readonly #scan = new UpdateScan()
  readonly #pathIds = new Uint32Array(STAGE_SIZE)

  constructor(
    families: readonly [FamilyRib, FamilyRib],
    store: AttributeStore,
    interner: BlockInterner,
    edit: RouteEdit,
    host: TablesHost,
  ) {
    this.#families = families
    this.#store = store
    this.#interner = interner
    this.#edit = edit
    this.#host = host
  }

  update(
    peer: PeerState,
    buffer: Uint8Array,
    bodyStart: number,
    bodyEnd: number,
    now: number,
  ): UpdateError | undefined {
    const scan = this.#scan
    const { block } = peer
    // The scan counts from the message's first octet; the header was judged by the framer.
    if (!scan.scan(buffer, bodyStart - 19, bodyEnd, block.update)) return this.#reset(peer, scan.faults, buffer)
    if (scan.endOfRib) {
      const family = scan.endOfRibAfi === 2 ? 1 : 0
      if (scan.endOfRibSafi === 1 && scan.endOfRibAfi <= 2) this.#endOfRib(peer, family, now)
      return undefined
    }
    const { reach, unreach } = scan
    const seconds = Math.floor(now / 1000)
    if (scan.withdrawnCount > 0) {
      this.#withdraw(peer, 0, buffer, scan.withdrawnStart, scan.withdrawnEnd, block.update.addPathIPv4)
    }
    if (unreach.version !== 0 && unreach.count > 0) {
      const family = unreach.version === 6 ? 1 : 0
      this.#withdraw(peer, family, buffer, unreach.nlriStart, unreach.nlriEnd, unreach.addPath)
    }
    if (scan.nlriCount === 0 && (reach.version === 0 || reach.count === 0)) {
      if (scan.faults.length === 0 && scan.blockLength === 0) return undefined
      const fault = this.#interner.judge(scan, block)
      return fault === undefined ? undefined : this.#report(peer, fault, buffer, bodyStart, bodyEnd)
    }
    if (scan.nlriCount > 0) {
      const error = this.#take(peer, 0, false, scan.nlriStart, scan.nlriEnd, block.update.addPathIPv4, seconds)
      if (error !== undefined) return this.#report(peer, error, buffer, bodyStart, bodyEnd)
    }
    if (reach.version !== 0 && reach.count > 0) {
      const family = reach.version === 6 ? 1 : 0
      const error = this.#take(peer, family, true, reach.nlriStart, reach.nlriEnd, reach.addPath, seconds)
      if (error !== undefined) return this.#report(peer, error, buffer, bodyStart, bodyEnd)
    }
    return undefined
  }

  /** One announced range with its attributes; the fault, if any, after the routes were dealt with. */
  #take(
    peer: PeerState,
    family: FamilyIndex,
    mp: boolean,
    start: number,
    end: number,
    addPath: boolean,
    seconds: number,
  ): Fault | undefined {
    const scan = this.#scan
    // Places of the attributes and of the prefixes come from memory together.
    this.#interner.prepare(scan, mp, peer.block)
    const staged = this.#stage(this.#families[family], scan.buffer, start, end, addPath)
    const attr = this.#interner.resolve(scan, mp, peer.block)
    const { fault } = this.#interner
    if (fault !== undefined && fault.verdict === Verdict.sessionReset) return fault
    if (attr === 0 || !peer.session.families[family]) {
      this.#withdraw(peer, family, scan.buffer, start, end, addPath)
      if (attr !== 0) this.#store.dropIfUnused(attr)
      return fault
    }
    this.#store.retain(attr)
    this.#announce(peer, family, attr, scan.buffer, staged, end, addPath, seconds)
    this.#store.release(attr)
    return fault
  }

  /** What is staged, and the rest of its range from `rest` on. */
  #announce(
    peer: PeerState,
    family: FamilyIndex,
    attrIn: AttrId,
    buffer: Uint8Array,
    rest: number,
    end: number,
    addPath: boolean,
    seconds: number,
  ): void {
    const rib = this.#families[family]
    const { table } = rib
    const { profile } = peer
    const perPrefix = profile.looksAtPrefix
    let attr = perPrefix ? 0 : profile.run(this.#edit, family, attrIn)
    if (attr !== 0) this.#store.retain(attr)
    const held = attr
    let at = rest
    for (;;) {
      const count = this.#staged
      for (let i = 0; i < count; i++) {
        const prefix = table.internStaged(i)
        if (perPrefix) {
          rib.prefixes.reach(prefix)
          rib.setEditPrefix(prefix)
          attr = profile.run(this.#edit, family, attrIn)
        }
        rib.announce(peer, prefix, this.#pathIds[i], attrIn, attr, seconds)
        if (perPrefix) this.#store.dropIfUnused(attr)
      }
      if (at >= end) break
      at = this.#stage(rib, buffer, at, end, addPath)
    }
    if (held !== 0) this.#store.release(held)
  }

  #withdraw(
    peer: PeerState,
    family: FamilyIndex,
    buffer: Uint8Array,
    start: number,
    end: number,
    addPath: boolean,
  ): void {
    const rib = this.#families[family]
    const { table } = rib
    let at = start
    while (at < end) {
      at = this.#stage(rib, buffer, at, end, addPath)
      for (let i = 0; i < this.#staged; i++) {
        const prefix = table.findStaged(i)
        if (prefix !== 0) rib.withdraw(peer, prefix, this.#pathIds[i])
      }
    }
  }

  #staged = 0

  /** Stages the next batch of a range; returns where it ends. */
  #stage(rib: FamilyRib, buffer: Uint8Array, start: number, end: number, addPath: boolean): number {
    const { table } = rib
    const pathIds = this.#pathIds
    let at = start
    let count = 0
    while (at < end && count < STAGE_SIZE) {
      if (addPath) {
        pathIds[count] = (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]
        at += 4
      } else {
        pathIds[count] = 0
      }
      const length = buffer[at]
      table.stage(count, buffer, at + 1, length)
      at += 1 + ((length + 7) >>> 3)
      count++
    }
    table.touch(count)
    this.#staged = count
    return at
  }

  #endOfRib(peer: PeerState, family: FamilyIndex, now: number): void {
    peer.endOfRibReceived[family] = true
    this.#host.endOfRib(peer.slot, family, now)
  }

  #reset(peer: PeerState, faults: readonly Fault[], buffer: Uint8Array): UpdateError {
    const fault = faults.find((each) => each.verdict === Verdict.sessionReset) ?? faults[0]
    return this.#report(peer, fault, buffer, 0, 0) ?? asError(fault)
  }

  #report(peer: PeerState, fault: Fault, buffer: Uint8Array, start: number, end: number): UpdateError | undefined {
    const from = Math.max(0, start - 19)
    const { config } = peer.session
    this.#host.event({
      type: 'bad-update',
      peer: config.key,
      name: config.name,
      verdict:
        fault.verdict === Verdict.sessionReset
          ? 'session-reset'
          : fault.verdict === Verdict.treatAsWithdraw
            ? 'treat-as-withdraw'
            : 'attribute-discard',
      attribute: fault.attribute ?? 0,
      rule: `${fault.rule}: ${fault.reason}`,
      bytes: buffer.slice(from, Math.min(end, from + LIMITS.badUpdateBytes)),
    })
    return fault.verdict === Verdict.sessionReset ? asError(fault) : undefined
  }
}

function asError(fault: Fault): UpdateError {
  return { code: fault.code, subcode: fault.subcode, data: fault.data, reason: `${fault.rule}: ${fault.reason}` }
}
