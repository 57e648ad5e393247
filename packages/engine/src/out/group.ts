/**
 * An update group: one Adj-RIB-Out, one segment log, a cursor per peer.
 *
 * Decided prefixes come in, are exported once, compared with what the group advertised last, staged, packed and appended
 * to the log; everybody reads the same octets. Split horizon is exact: the run of a bucket is skipped by its source, and
 * when the source of a prefix moves to a peer, that peer alone is told to forget what it held (`insert`).
 * The log is bounded: who is too far behind loses its place and later catches up from the version column.
 */
import type { PrefixTable } from '@starling/inet'
import { LIMITS } from '../config/limits.js'
import type { EngineConfig, PrefixLimit } from '../config/types.js'
import type { RouteEdit } from '../policy/edit.js'
import { ExportProfile } from '../policy/export.js'
import type { AttrId, AttributeStore } from '../rib/attributes.js'
import type { FamilyIndex, SessionParameters } from '../rib/contract.js'
import type { PathTable } from '../rib/paths.js'
import type { PeerColumns } from '../rib/peer-columns.js'
import { AdjRibOut } from './adj-rib-out.js'
import { Dump } from './dump.js'
import type { Follower } from './follower.js'
import { LogCursor, SegmentLog } from './log.js'
import type { Packer, PackFormat } from './packer.js'

/** What groups share: the family's tables and one packer. */
export interface OutContext {
  readonly family: FamilyIndex
  readonly table: PrefixTable
  readonly paths: PathTable
  readonly store: AttributeStore
  readonly peers: PeerColumns
  readonly packer: Packer
  /** A second one, for messages to a single peer while the first holds a flush. */
  readonly side: Packer
  readonly edit: RouteEdit
  /** Decisions made so far: what `Follower.mark` is compared with. */
  decided(): number
}

export class OutGroup {
  readonly id: number
  readonly key: string
  readonly profile: ExportProfile
  readonly format: PackFormat
  /** Paths per prefix; 0 = the best one, without identifier. */
  readonly addPath: number
  readonly rib = new AdjRibOut()
  readonly log = new SegmentLog()
  readonly followers: Follower[] = []
  readonly bySource = new Map<number, Follower>()
  readonly dumps = new Set<Dump<Follower>>()
  /** Number of the flush being staged; entries changed in it carry it. */
  flush = 1
  /** Prefixes below this were exported; a new group works its way up. */
  built: number
  /** The log moved or somebody can read again. */
  awake = true
  /** When a follower that rests between two batches of changes wants to go on. */
  wakeAt = Number.POSITIVE_INFINITY
  limitTold = false
  /** Somebody lost its place since the pump looked last. */
  lost = false
  readonly exportLimit: PrefixLimit | undefined
  readonly #context: OutContext
  #dissolved = 1
  readonly #withdrawals = new Map<Follower, number[]>()

  constructor(id: number, key: string, session: SessionParameters, config: EngineConfig, context: OutContext) {
    this.id = id
    this.key = key
    this.#context = context
    this.profile = new ExportProfile(session, context.family, config, context.store)
    const name = context.family === 0 ? 'ipv4' : 'ipv6'
    this.exportLimit = session.config.families.find(({ family }) => family === name)?.exportLimit
    this.addPath = session.addPathSend[context.family]
    this.format = {
      family: context.family,
      maximum: session.maximumMessage,
      addPath: this.addPath > 0,
      fourOctetAs: session.fourOctetAs,
      external: session.external,
      clusterId: this.profile.clusterId,
    }
    this.built = context.table.limit > 1 ? 1 : Number.POSITIVE_INFINITY
  }

  get ready(): boolean {
    return this.built === Number.POSITIVE_INFINITY
  }

  join(follower: Follower): void {
    this.followers.push(follower)
    this.bySource.set(follower.source, follower)
    this.awake = true
  }

  leave(follower: Follower): void {
    this.endDump(follower)
    this.followers.splice(this.followers.indexOf(follower), 1)
    this.bySource.delete(follower.source)
    this.trim()
  }

  /** Is this entry advertised now? */
  holds(entry: number): boolean {
    return entry < this.rib.limit && this.rib.attr[entry] !== 0
  }

  /** One entry's new export: stages the difference. */
  change(entry: number, attr: AttrId, source: number): void {
    const { rib } = this
    const { store, packer } = this.#context
    rib.reach(entry)
    const old = rib.attr[entry]
    const oldSource = rib.source[entry]
    if (old === attr && (old === 0 || oldSource === source)) return
    if (attr !== 0) store.retain(attr)
    if (attr === 0) {
      packer.stage(entry, 0, this.bySource.has(oldSource) ? oldSource : 0)
    } else {
      packer.stage(entry, attr, source)
      if (old !== 0 && oldSource !== source) this.#forget(entry, source)
    }
    rib.set(entry, attr, source, this.flush)
    if (old !== 0) store.release(old)
  }

  /** Packs what was staged; call after every slice. */
  pack(): void {
    const { packer, table, paths } = this.#context
    if (packer.staged === 0) return
    if (!this.followers.some((follower) => follower.cursor !== undefined)) {
      // Nobody reads the log: joiners and laggards take it from the Adj-RIB-Out.
      packer.reset()
    } else {
      this.#packWithdrawals()
      packer.pack(this.log, this.flush, this.format, table, paths, this.#onRun)
      this.awake = true
      if (this.log.end - this.log.start > LIMITS.groupLog) this.#evict()
    }
    this.#withdrawals.clear()
    this.flush++
  }

  readonly #onRun = (source: number, from: number, to: number): void => {
    this.bySource.get(source)?.cursor?.skip(from, to)
  }

  /** The new source of an entry held the old one's route: it alone needs a withdrawal. */
  #forget(entry: number, source: number): void {
    const follower = this.bySource.get(source)
    if (follower?.cursor === undefined) return
    const list = this.#withdrawals.get(follower)
    if (list === undefined) this.#withdrawals.set(follower, [entry])
    else list.push(entry)
  }

  #packWithdrawals(): void {
    if (this.#withdrawals.size === 0) return
    const { table, paths, side } = this.#context
    for (const [follower, entries] of this.#withdrawals) {
      const log = new SegmentLog()
      for (const entry of entries) side.stage(entry, 0, 0)
      side.pack(log, 0, this.format, table, paths, undefined)
      const cursor = new LogCursor(log, 0)
      for (let piece = cursor.read(); piece !== undefined; piece = cursor.read()) {
        follower.cursor?.insert(this.log.end, piece)
      }
    }
  }

  /** Whoever holds the log's beginning loses its place until half the bound is free. */
  #evict(): void {
    const keep = this.log.end - LIMITS.groupLog / 2
    for (const follower of this.followers) {
      if (follower.cursor !== undefined && follower.cursor.position < keep) this.evict(follower)
    }
    this.trim()
  }

  evict(follower: Follower): void {
    const { cursor } = follower
    if (cursor === undefined) return
    const floor = this.log.at(cursor.position)?.mark ?? this.flush
    // Never 0 for a peer that was told something: 0 is a first table, without withdrawals.
    follower.floor = follower.floor < 0 ? floor : Math.max(1, Math.min(floor, follower.floor))
    follower.cursor = undefined
    this.lost = true
  }

  /**
   * A follower with an interval that rested and missed something: it goes on from the Adj-RIB-Out instead of the log, so
   * that a route which changed ten times meanwhile is told once.
   */
  skipAhead(follower: Follower): void {
    const { cursor, complete } = follower
    if (complete < 0 || cursor === undefined || follower.floor >= 0 || follower.dump !== undefined) return
    follower.complete = -1
    if (cursor.done) return
    follower.floor = complete
    follower.cursor = undefined
    this.lost = true
  }

  /** Somebody waits for decisions before its dump may begin: they will come, so the group stays awake. */
  hasWaiting(): boolean {
    const decided = this.#context.decided()
    return this.followers.some(({ blocked, floor, mark }) => !blocked && floor >= 0 && mark > decided)
  }

  /** Puts a follower that wants one on a dump; true if it got (or has) one. */
  startDump(follower: Follower): boolean {
    if (follower.dump !== undefined) return true
    if (follower.floor < 0 || !this.ready || follower.mark > this.#context.decided()) return false
    const shared = follower.floor === 0 && follower.mayHold === undefined
    let dump: Dump<Follower> | undefined
    if (shared) for (const known of this.dumps) if (known.only === undefined && !known.begun) dump = known
    dump ??= new Dump(follower.floor, shared ? undefined : follower, follower.mayHold)
    this.dumps.add(dump)
    dump.members.add(follower)
    follower.dump = dump
    follower.dumpCursor = new LogCursor(dump.log, dump.log.start)
    follower.floor = -1
    follower.mayHold = undefined
    // From here on the log counts for it; an older place (a refresh) stays valid.
    follower.cursor ??= new LogCursor(this.log, this.log.end)
    return true
  }

  /** Encodes more of a dump; returns the work done, in entries. */
  produce(dump: Dump<Follower>, limit: number): number {
    const { packer, table, paths } = this.#context
    const done = dump.produce(this.rib, packer, this.format, table, paths, limit)
    if (dump.log.end - dump.log.start > LIMITS.dumpLog) this.#splitDump(dump)
    return done
  }

  /** Takes a follower off its dump; the last one ends it. */
  endDump(follower: Follower): void {
    const { dump } = follower
    if (dump === undefined) return
    dump.members.delete(follower)
    if (dump.members.size === 0) this.dumps.delete(dump)
    follower.dump = undefined
    follower.dumpCursor = undefined
  }

  /** Readers that hold back a shared dump go on alone, from the entry their segment began with. */
  #splitDump(dump: Dump<Follower>): void {
    const keep = dump.log.end - LIMITS.dumpLog / 2
    for (const follower of [...dump.members]) {
      const cursor = follower.dumpCursor
      if (cursor === undefined || cursor.position >= keep || dump.members.size === 1) continue
      const entry = dump.log.at(cursor.position)?.mark ?? 1
      dump.members.delete(follower)
      const own = new Dump(dump.floor, dump.only, dump.mayHold, entry, dump.end)
      own.members.add(follower)
      this.dumps.add(own)
      follower.dump = own
      follower.dumpCursor = new LogCursor(own.log, 0)
    }
    this.trimDump(dump)
  }

  trimDump(dump: Dump<Follower>): void {
    let least = dump.log.end
    for (const follower of dump.members) least = Math.min(least, follower.dumpCursor?.position ?? least)
    dump.log.trim(least)
  }

  trim(): void {
    // The last segment is never dropped: with one there is nothing to look for.
    if (this.log.segments.length > 1) this.log.trim(this.leastPosition())
  }

  leastPosition(): number {
    let least = this.log.end
    for (const follower of this.followers) {
      if (follower.cursor !== undefined && follower.cursor.position < least) least = follower.cursor.position
    }
    return least
  }

  /** Everything before this log position is known to all; -1 while somebody needs ids of vanished prefixes. */
  settled(): number {
    for (const follower of this.followers) {
      if (follower.floor > 0 || follower.mayHold !== undefined || follower.dump?.holdsVanished) return -1
    }
    return this.leastPosition()
  }

  /** Gives back all references: the group is gone. Sliced; true when done. */
  dissolve(limit: number): boolean {
    const { rib } = this
    const { store } = this.#context
    const end = Math.min(rib.limit, this.#dissolved + limit)
    for (let entry = this.#dissolved; entry < end; entry++) {
      if (rib.attr[entry] === 0) continue
      store.release(rib.attr[entry])
      rib.attr[entry] = 0
    }
    this.#dissolved = end
    return end >= rib.limit
  }
}
