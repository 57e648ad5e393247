/**
 * The tables behind the seam of `contract.ts`: assembly and peer life cycle, nothing else.
 *
 * Everything that costs more than a few microseconds is only noted here and done in `work`, in slices: rows of lost peers,
 * new import policy, groups to build, dumps, output. `work` decides first, so that what is known by the end of a burst is
 * sent once; it sends when a group has a segment's worth or there is nothing left to decide.
 */
import { PrefixTable4, PrefixTable6 } from '@starling/inet'
import { LIMITS } from '../config/limits.js'
import type { EngineConfig } from '../config/types.js'
import type { SelectOptions } from '../decision/select.js'
import type { DecisionContext } from '../decision/steps.js'
import { groupFacts } from '../out/group-key.js'
import { Membership } from '../out/membership.js'
import { Packer } from '../out/packer.js'
import { Pump } from '../out/pump.js'
import { RouteEdit } from '../policy/edit.js'
import { ImportProfile, importKey, importsAlike } from '../policy/import.js'
import type { Explanation, GroupView, PeerFamilyView, RoutePage, RouteQuery } from '../view.js'
import { adjRibInMessages } from './adj-rib-in-messages.js'
import { AttributeStore } from './attributes.js'
import { audit } from './audit.js'
import type {
  FamilyIndex,
  LocalRoute,
  PeerSlot,
  Retention,
  SessionParameters,
  Tables,
  TablesHost,
  UpdateError,
} from './contract.js'
import { explain } from './explain.js'
import { FamilyRib } from './family.js'
import { Ingest } from './ingest.js'
import { BlockInterner } from './intern.js'
import { KernelOut } from './kernel.js'
import { removeLocal, setLocal } from './local.js'
import { makeLongLived } from './long-lived.js'
import { NextHops } from './next-hops.js'
import { RowFlag } from './paths.js'
import { PeerColumns } from './peer-columns.js'
import { PeerState } from './peers.js'
import { checkExportLimits, checkImportLimit } from './prefix-limits.js'
import { familyViews, groupViews, routes } from './views.js'

const BOTH = [0, 1] as const

export class RibTables implements Tables {
  config: EngineConfig
  readonly host: TablesHost
  readonly store: AttributeStore
  readonly peers = new PeerColumns()
  readonly states: (PeerState | undefined)[] = []
  readonly families: readonly [FamilyRib, FamilyRib]
  readonly membership: readonly [Membership, Membership]
  readonly edit: RouteEdit
  readonly #nextHops: NextHops
  readonly #options: SelectOptions
  readonly #decisions: readonly DecisionContext[]
  readonly #profiles = new Map<string, ImportProfile>()
  #lastProfile: { readonly session: SessionParameters; readonly profile: ImportProfile } | undefined
  readonly #ingest: Ingest
  readonly #pump: Pump
  readonly #leaving = new Set<PeerState>()
  #importFacts = ''
  #groupFacts = ''
  #deferred = false
  #groupIds = 0
  #turn = 0

  constructor(config: EngineConfig, host: TablesHost, options: { readonly hashSeed: number }) {
    const { hashSeed } = options
    this.config = config
    this.host = host
    this.#nextHops = new NextHops(hashSeed, host.sink)
    this.store = new AttributeStore(hashSeed, this.#nextHops)
    this.edit = new RouteEdit(this.store)
    this.#options = { deterministicMed: true, maximumPaths: 1, multipathRelax: false }
    const kernel = new KernelOut(host.sink)
    const packer = new Packer(this.store, this.peers)
    const side = new Packer(this.store, this.peers)
    const make = (index: FamilyIndex): FamilyRib => {
      const table = index === 0 ? new PrefixTable4(hashSeed) : new PrefixTable6(hashSeed)
      const { store, peers, states, edit } = this
      return new FamilyRib(
        { index, table, store, peers, states, edit, packer, side, kernel, options: this.#options },
        { store, peers, defaultLocalPref: 100, alwaysCompareMed: false },
      )
    }
    this.families = [make(0), make(1)]
    this.#decisions = this.families.map((rib) => rib.context)
    const newId = () => ++this.#groupIds
    this.membership = [new Membership(this.families[0], newId), new Membership(this.families[1], newId)]
    this.#ingest = new Ingest(this.families, this.store, new BlockInterner(this.store), this.edit, host)
    this.#pump = new Pump(host)
    this.#apply(config)
    this.#rememberFacts(config)
  }

  #apply(config: EngineConfig): void {
    this.config = config
    this.#nextHops.assumed = config.nextHopResolution === 'assumed'
    this.#options.deterministicMed = config.decision.deterministicMed
    this.#options.maximumPaths = config.decision.maximumPaths
    this.#options.multipathRelax = config.decision.multipathRelax
    for (const context of this.#decisions) {
      context.defaultLocalPref = config.defaultLocalPref
      context.alwaysCompareMed = config.decision.alwaysCompareMed
    }
  }

  /** What of the speaker itself import profiles and update groups depend on. */
  #rememberFacts(config: EngineConfig): void {
    const { routerId, clusterId, defaultLocalPref } = config
    this.#importFacts = JSON.stringify([routerId, clusterId, defaultLocalPref, clusterIds(config)])
    this.#groupFacts = groupFacts(config)
  }

  configure(config: EngineConfig): void {
    const before = this.config
    this.#apply(config)
    const decision = JSON.stringify([before.decision, before.nextHopResolution, before.defaultLocalPref])
    const changed = decision !== JSON.stringify([config.decision, config.nextHopResolution, config.defaultLocalPref])
    if (changed) for (const rib of this.families) rib.touchAll()
    const [imports, groups] = [this.#importFacts, this.#groupFacts]
    this.#rememberFacts(config)
    const importChanged = imports !== this.#importFacts
    if (importChanged) {
      this.#profiles.clear()
      this.#lastProfile = undefined
    }
    // What a session's own configuration changes comes by `peerReconfigured`; 10,000 others need not be looked at.
    if (!importChanged && groups === this.#groupFacts) return
    for (const peer of this.states) {
      if (peer === undefined) continue
      if (importChanged) {
        peer.profile = this.#profile(peer.session)
        this.#reimport(peer)
      }
      if (peer.established) for (const family of BOTH) this.membership[family].regroup(peer, config)
    }
  }

  #profile(session: SessionParameters): ImportProfile {
    const last = this.#lastProfile
    if (last !== undefined && importsAlike(session, last.session)) return last.profile
    const key = importKey(session)
    let profile = this.#profiles.get(key)
    if (profile === undefined) {
      profile = new ImportProfile(key, session, this.config, this.store)
      this.#profiles.set(key, profile)
    }
    this.#lastProfile = { session, profile }
    return profile
  }

  peerUp(slot: PeerSlot, session: SessionParameters, _now: number): void {
    const profile = this.#profile(session)
    let peer = this.states[slot]
    if (peer === undefined) {
      peer = new PeerState(slot, session, profile)
      this.states[slot] = peer
    } else {
      this.#leaving.delete(peer)
      for (const rib of this.families) rib.finishWalks(peer)
      peer.begin(session, profile)
    }
    // Rows kept from before are compared by what the peer says of itself now.
    if (this.peers.set(peer.source, session)) this.#touch(peer)
    for (const family of BOTH) if (session.families[family]) this.membership[family].join(peer, this.config)
  }

  peerReconfigured(
    slot: PeerSlot,
    session: SessionParameters,
    effect: { readonly import: boolean; readonly export: boolean },
    _now: number,
  ): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    const wasClient = peer.session.config.routeReflectorClient
    peer.adopt(session)
    const usable = BOTH.map((family) => this.peers.usable[family][peer.source])
    this.peers.set(peer.source, session)
    for (const family of BOTH) this.peers.usable[family][peer.source] = usable[family]
    if (effect.import) {
      peer.profile = this.#profile(session)
      this.#reimport(peer)
    }
    if (wasClient !== session.config.routeReflectorClient) this.#touch(peer)
    if (effect.export) for (const family of BOTH) this.membership[family].regroup(peer, this.config)
  }

  /** Runs import policy again over what the peer sent: routes are kept as received, so nobody has to be asked. */
  #reimport(peer: PeerState): void {
    for (const rib of this.families) {
      rib.walk(peer, (row) => {
        const attrIn = rib.paths.attrIn[row]
        if (attrIn === 0) return
        if (peer.profile.looksAtPrefix) rib.setEditPrefix(rib.paths.prefix[row])
        const attr = peer.profile.run(this.edit, rib.index, attrIn)
        rib.reimport(row, attr)
        this.store.dropIfUnused(attr)
        if (rib.paths.flags[row] & RowFlag.longLived) makeLongLived(rib, peer, row)
      })
    }
  }

  #touch(peer: PeerState): void {
    for (const rib of this.families) rib.walk(peer, (row) => rib.touch(row))
  }

  peerDown(slot: PeerSlot, retention: Retention, _now: number): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    peer.established = false
    for (const family of BOTH) {
      this.membership[family].leave(peer)
      const rib = this.families[family]
      if (retention.stale[family]) {
        peer.epoch[family] = (peer.epoch[family] + 1) & 255
      } else {
        this.peers.usable[family][peer.source] = 0
        rib.walk(peer, (row) => rib.kill(row))
      }
    }
    this.#leaving.add(peer)
  }

  markLongLivedStale(slot: PeerSlot, family: FamilyIndex, _now: number): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    const rib = this.families[family]
    rib.walk(peer, (row) => makeLongLived(rib, peer, row))
  }

  sweepStale(slot: PeerSlot, family: FamilyIndex, _now: number): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    const rib = this.families[family]
    // As of now: should the session be lost before the walk is through, what it announced is stale later, not now.
    const epoch = peer.epoch[family]
    rib.walk(peer, (row) => {
      if (rib.paths.epoch[row] !== epoch) rib.kill(row)
    })
    if (!peer.established) this.#leaving.add(peer)
  }

  update(slot: PeerSlot, buffer: Uint8Array, bodyStart: number, bodyEnd: number, now: number): UpdateError | undefined {
    const peer = this.states[slot]
    if (peer === undefined || peer.closing) return undefined
    const error = this.#ingest.update(peer, buffer, bodyStart, bodyEnd, now)
    if (error === undefined) for (const family of BOTH) checkImportLimit(this.host, peer, family, now)
    return error
  }

  routeRefresh(slot: PeerSlot, family: FamilyIndex, subtype: 0 | 1 | 2, now: number): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    if (subtype === 0) {
      this.membership[family].refresh(peer, peer.session.enhancedRefresh === true)
    } else if (subtype === 1) {
      // RFC 7313 section 4: mark all as stale; what is not announced again before EoRR goes.
      for (const rib of [this.families[family]]) rib.finishWalks(peer)
      peer.epoch[family] = (peer.epoch[family] + 1) & 255
    } else {
      this.sweepStale(slot, family, now)
    }
  }

  writable(slot: PeerSlot, _now: number): void {
    const peer = this.states[slot]
    if (peer === undefined) return
    for (const family of BOTH) {
      const follower = peer.followers[family]
      if (follower === undefined) continue
      follower.blocked = false
      const group = this.membership[family].groupOf(follower)
      if (group !== undefined) group.awake = true
    }
  }

  setLocalRoute(route: LocalRoute, now: number): void {
    setLocal(this.families, route, now)
  }

  removeLocalRoute(source: LocalRoute['source'], prefix: string, _now: number): void {
    removeLocal(this.families, source, prefix)
  }

  nextHopChanged(address: string, reachable: boolean, metric: number, _now: number, device?: string): void {
    const ids = this.#nextHops.changed(address, reachable, metric, device)
    if (ids.length === 0) return
    for (const rib of this.families) rib.touchNextHops(ids)
    for (const peer of this.states) if (peer?.profile.policy.looksAtInterface === true) this.#reimport(peer)
  }

  setDeferred(deferred: boolean, _now: number): void {
    this.#deferred = deferred
  }

  /** When a peer that rests between two batches of changes wants more. */
  nextDeadline(): number {
    let at = Number.POSITIVE_INFINITY
    for (const rib of this.families) for (const group of rib.groups.values()) at = Math.min(at, group.wakeAt)
    return at
  }

  tick(now: number): void {
    for (const rib of this.families) {
      for (const group of rib.groups.values()) {
        if (now < group.wakeAt) continue
        group.wakeAt = Number.POSITIVE_INFINITY
        group.awake = true
      }
    }
  }

  get pending(): boolean {
    for (const family of BOTH) {
      const rib = this.families[family]
      if (rib.walkers.length > 0 || this.membership[family].dissolving) return true
      if (this.#deferred) continue
      if (rib.prefixes.waiting > 0) return true
      for (const group of rib.groups.values()) if (!group.ready || group.awake) return true
    }
    for (const peer of this.#leaving) if (peer.rows === 0) return true
    return false
  }

  work(limit: number, now: number): boolean {
    let left = limit
    for (const family of BOTH) {
      const rib = this.families[family]
      while (left > 0 && rib.walkers.length > 0) left -= rib.step(left)
      if (left > 0 && this.membership[family].dissolving) left -= this.membership[family].dissolve(left)
    }
    if (!this.#deferred) {
      for (const rib of this.families) if (left > 0) left -= rib.decide(left)
      for (const rib of this.families) this.#output(rib, Math.max(left, limit >>> 2), now)
    }
    this.#freeSlots()
    return this.pending
  }

  #output(rib: FamilyRib, limit: number, now: number): void {
    let left = limit
    const groups = [...rib.groups.values()]
    // Another group begins each time: a busy one must not keep the others waiting.
    this.#turn++
    for (let i = 0; i < groups.length && left > 0; i++) {
      const group = groups[(this.#turn + i) % groups.length]
      if (!group.ready) left -= rib.build(group, left)
      if (left <= 0) break
      if (!group.awake) continue
      // While there is more to decide, small amounts wait: few large writes instead of many small ones.
      if (
        rib.prefixes.waiting > 0 &&
        group.log.end - group.leastPosition() < LIMITS.segment &&
        group.dumps.size === 0
      ) {
        continue
      }
      left -= this.#pump.run(group, left, now)
      this.#pump.watch(group)
      checkExportLimits(this.host, this.states, group, rib.index, now)
    }
    // Whoever is still being served does not know of all yet: no need to ask each of hundreds after every slice.
    if (!groups.some(({ awake }) => awake)) rib.reap(rib.groups)
  }

  #freeSlots(): void {
    for (const peer of this.#leaving) {
      if (peer.established) {
        this.#leaving.delete(peer)
      } else if (peer.rows === 0 && !this.families.some((rib) => rib.walkers.some((walker) => walker.peer === peer))) {
        this.#leaving.delete(peer)
        this.states[peer.slot] = undefined
        this.host.slotFree(peer.slot)
      }
    }
  }

  familyViews(slot: PeerSlot): readonly PeerFamilyView[] {
    return familyViews(this, slot)
  }

  group(slot: PeerSlot): { readonly id: number | undefined; readonly lagging: boolean; readonly queuedBytes: number } {
    const peer = this.states[slot]
    let id: number | undefined
    let lagging = false
    let queuedBytes = 0
    for (const family of BOTH) {
      const follower = peer?.followers[family]
      if (follower === undefined) continue
      id ??= this.membership[family].groupOf(follower)?.id
      lagging ||= follower.lagging
      queuedBytes += follower.waitingBytes
    }
    return { id, lagging, queuedBytes }
  }

  receivedMessages(slot: PeerSlot): readonly Uint8Array[] {
    const peer = this.states[slot]
    return peer === undefined ? [] : adjRibInMessages(this.families, peer, peer.session)
  }

  routes(query: RouteQuery): RoutePage {
    return routes(this, query)
  }

  explain(prefix: string, toSlot?: PeerSlot): Explanation {
    return explain(this, prefix, toSlot)
  }

  groups(): readonly GroupView[] {
    return groupViews(this)
  }

  memory(): { prefixes: number; paths: number; attributeSets: number; bytes: number } {
    let prefixes = 0
    let paths = 0
    let bytes = this.store.bytes
    for (const rib of this.families) {
      prefixes += rib.table.size - rib.prefixes.coldCount
      paths += rib.paths.size
      bytes += rib.table.bytes + rib.paths.limit * 34 + rib.table.limit * 9
      for (const group of rib.groups.values()) bytes += group.rib.limit * 10 + (group.log.end - group.log.start)
    }
    return { prefixes, paths, attributeSets: this.store.size, bytes }
  }

  sizes() {
    return this.families.map(({ index, table, paths }) => ({
      family: index === 0 ? ('ipv4' as const) : ('ipv6' as const),
      prefixes: table.size,
      paths: paths.size,
    }))
  }

  audit(): readonly string[] {
    return audit(this)
  }
}

function clusterIds(config: EngineConfig): number[] {
  const ids = new Set<number>()
  let last: number | undefined
  // Thousands of peers, one or two ids.
  for (const { clusterId } of config.peers.values()) {
    if (clusterId !== last) ids.add(clusterId)
    last = clusterId
  }
  return [...ids].sort((a, b) => a - b)
}
