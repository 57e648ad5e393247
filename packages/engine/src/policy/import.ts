/**
 * What happens to a received route before it may be a candidate: built-in checks, then import policy.
 *
 * The checks, in order, each with its reason for `explain`: attributes on the operator's emergency lists, a path too long,
 * a first AS that is not the peer's (RFC 4271 6.3, `enforceFirstAs`), AS loop (RFC 4271 9.1.2, `allowOwnAs`), ORIGINATOR_ID and CLUSTER_LIST (RFC 4456 section 8), a next hop that is ourselves or no
 * unicast address (RFC 4271 6.3), roles (RFC 9234 section 5). Then the terms; then GRACEFUL_SHUTDOWN (RFC 8326 section 4).
 * Peers with equal settings share one profile and so its memo.
 */
import { AttributeCode, asPathCount, Community } from '@starling/bgp-packet'
import { LIMITS } from '../config/limits.js'
import type { BgpRole, EngineConfig } from '../config/types.js'
import { sameLocalAddresses } from '../out/group-key.js'
import { type AttrId, type AttributeStore, SetFlag } from '../rib/attributes.js'
import type { FamilyIndex, SessionParameters } from '../rib/contract.js'
import { type CompiledPolicy, compilePolicy, decidedBy, runPolicy } from './compile.js'
import type { RouteEdit } from './edit.js'
import { MISS, VerdictMemo } from './memo.js'
import { describeTerm } from './reason.js'

export class ImportProfile {
  readonly key: string
  /** Why the last route was rejected. */
  reason = ''
  readonly policy: CompiledPolicy
  readonly #session: SessionParameters
  readonly #config: EngineConfig
  readonly #clusterIds: ReadonlySet<number>
  readonly #memo: VerdictMemo
  readonly #own: readonly Uint8Array[]
  /** Only the built-in checks can speak, and they change nothing: no edit is needed. */
  readonly #plain: boolean
  /** What the checks ask for every set, out of configuration objects of any shape. */
  readonly #localAs: number
  readonly #allowOwnAs: number
  readonly #routerId: number
  /** The AS that a path must begin with; -1: any. */
  readonly #firstAs: number

  constructor(key: string, session: SessionParameters, config: EngineConfig, store: AttributeStore) {
    this.key = key
    this.#session = session
    this.#config = config
    this.policy = compilePolicy(session.config.importPolicy, session.config.importDefault)
    this.#clusterIds = clusterIdsOf(config)
    this.#memo = new VerdictMemo(store)
    const { external } = session
    const { role, discardAttributes, withdrawOnAttributes } = session.config
    const lists = discardAttributes.length + withdrawOnAttributes.length
    this.#plain =
      this.policy.trivial && this.policy.terms.length === 0 && !external && role === undefined && lists === 0
    const { ipv4, ipv6, linkLocal } = session.localAddresses
    this.#localAs = session.config.localAs
    this.#allowOwnAs = session.config.allowOwnAs
    this.#routerId = config.routerId
    this.#firstAs = firstAsWanted(session) ? session.remoteAs : -1
    this.#own = [session.localAddress, ipv4, ipv6, linkLocal].filter((address) => address !== undefined)
  }

  get looksAtPrefix(): boolean {
    return this.policy.looksAtPrefix
  }

  /** The set after import, 0 when the route is refused. The edit's prefix must be set if {@link looksAtPrefix}. */
  run(edit: RouteEdit, family: FamilyIndex, attr: AttrId): AttrId {
    if (this.policy.looksAtPrefix) return this.evaluate(edit, family, attr)
    const known = this.#memo.get(attr, family)
    if (known !== MISS) return known
    const out = this.evaluate(edit, family, attr)
    this.#memo.set(attr, family, out)
    return out
  }

  evaluate(edit: RouteEdit, family: FamilyIndex, attr: AttrId): AttrId {
    this.reason = ''
    if (this.#plain) return this.#acceptable(edit.store, attr) ? attr : 0
    const { external, config } = this.#session
    edit.begin(attr)
    edit.family = family
    edit.source = 'bgp'
    if (this.policy.looksAtInterface) edit.interface = edit.store.nextHops.device(edit.store.nextHop[attr])
    edit.external = external
    edit.learnedFrom = external ? 'ebgp' : 'ibgp'
    edit.defaultLocalPref = this.#config.defaultLocalPref
    for (const code of config.withdrawOnAttributes) {
      if (edit.hasAttribute(code)) return this.#refuse(`attribute ${code} is on the list of withdrawOnAttributes`)
    }
    for (const code of config.discardAttributes) edit.dropAttribute(code)
    if (!this.#acceptable(edit.store, attr)) return 0
    if (config.role !== undefined && !this.#roles(edit, config.role)) return 0
    if (this.policy.terms.length > 0 || this.policy.fallback === 'reject') {
      const verdict = runPolicy(this.policy, edit)
      if (verdict === 'reject') return this.#refuse(`import policy: ${describeTerm(decidedBy())}`)
      if (edit.prepend.length > 0) edit.prependToPath(edit.prepend)
    }
    if (external && edit.flags & SetFlag.gracefulShutdown && edit.communities.includes(Community.gracefulShutdown)) {
      edit.setLocalPref(0)
    }
    return edit.commit()
  }

  #refuse(reason: string): 0 {
    this.reason = reason
    return 0
  }

  #acceptable(store: AttributeStore, attr: AttrId): boolean {
    const flags = store.flags[attr]
    const hops = store.pathLengths[attr]
    if (hops > LIMITS.asPathLength) return this.#no(`AS_PATH has ${hops} hops, more than ${LIMITS.asPathLength}`)
    if (this.#firstAs >= 0 && store.neighbors[attr] !== this.#firstAs) {
      const first = store.neighbors[attr] === 0 ? 'no AS' : `AS ${store.neighbors[attr]}`
      return this.#no(`AS_PATH begins with ${first}, not with the peer's AS ${this.#firstAs} (enforceFirstAs)`)
    }
    if (hops > 0 && this.#ownAsCount(store, attr) > this.#allowOwnAs) {
      return this.#no(`AS loop: our AS ${this.#localAs} is in the AS_PATH`)
    }
    if (flags & SetFlag.originator && store.originators[attr] === this.#routerId) {
      return this.#no('ORIGINATOR_ID is our own')
    }
    if (store.clusterCounts[attr] > 0 && this.#ownCluster(store, attr)) {
      return this.#no('CLUSTER_LIST has our cluster id')
    }
    return this.#goodNextHop(store.nextHops.bytes(store.nextHop[attr]))
  }

  #no(reason: string): false {
    this.reason = reason
    return false
  }

  #ownAsCount(store: AttributeStore, attr: AttrId): number {
    const base = store.offset(attr)
    return asPathCount(store.chunk(attr), base + store.pathStart[attr], base + store.pathEnd[attr], 4, this.#localAs)
  }

  #ownCluster(store: AttributeStore, attr: AttrId): boolean {
    const chunk = store.chunk(attr)
    const [start, end] = attributeRange(chunk, store.offset(attr), store.lengths[attr], AttributeCode.clusterList)
    for (let at = start; at + 4 <= end; at += 4) {
      const id = ((chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3]) >>> 0
      if (this.#clusterIds.has(id)) return true
    }
    return false
  }

  #goodNextHop(bytes: Uint8Array): boolean {
    // Between speakers on one host, 127/8 is where next hops are; from the network it leads nowhere (RFC 1122 3.2.1.3).
    const loopback = bytes[0] === 127 && this.#session.localAddress[0] !== 127
    if (bytes.length === 4 && (bytes[0] === 0 || loopback || bytes[0] >= 224)) {
      return this.#no('next hop is no unicast address')
    }
    if (bytes.length >= 16 && bytes[0] === 0xff) return this.#no('next hop is a multicast address')
    for (const own of this.#own) if (sameBytes(own, bytes)) return this.#no('next hop is our own address')
    return true
  }

  /** RFC 9234 section 5, ingress; `role` is ours. */
  #roles(edit: RouteEdit, role: BgpRole): boolean {
    const otc = edit.otc
    const { remoteAs } = this.#session
    if (role === 'provider' || role === 'rs') {
      return otc === undefined || this.#no('route leak: OTC from a customer (RFC 9234)')
    }
    if (role === 'peer' && otc !== undefined && otc !== remoteAs) {
      return this.#no(`route leak: OTC ${otc} from peer AS ${remoteAs} (RFC 9234)`)
    }
    if (otc === undefined) edit.setOtc(remoteAs)
    return true
  }
}

/** A route server keeps its own AS out of the path: RFC 7947 section 2.2.2.1. */
function firstAsWanted({ external, config }: SessionParameters): boolean {
  return external && config.enforceFirstAs && config.role !== 'rs-client'
}

/** Settings that make two peers' import equal, as text. */
export function importKey(session: SessionParameters): string {
  const { config } = session
  return JSON.stringify([
    session.external,
    config.localAs,
    config.allowOwnAs,
    config.role ?? 0,
    firstAsWanted(session) || config.role !== undefined ? session.remoteAs : 0,
    firstAsWanted(session),
    config.importPolicy,
    config.importDefault,
    config.discardAttributes,
    config.withdrawOnAttributes,
    [...session.localAddress],
    session.localAddresses.ipv4 && [...session.localAddresses.ipv4],
    session.localAddresses.ipv6 && [...session.localAddresses.ipv6],
    session.localAddresses.linkLocal && [...session.localAddresses.linkLocal],
  ])
}

/** Surely equal keys, without writing them: a thousand clients of one range share their settings' very objects. */
export function importsAlike(a: SessionParameters, b: SessionParameters): boolean {
  const x = a.config
  const y = b.config
  return (
    a.external === b.external &&
    x.localAs === y.localAs &&
    x.allowOwnAs === y.allowOwnAs &&
    x.role === y.role &&
    firstAsWanted(a) === firstAsWanted(b) &&
    ((x.role === undefined && !firstAsWanted(a)) || a.remoteAs === b.remoteAs) &&
    x.importPolicy === y.importPolicy &&
    x.importDefault === y.importDefault &&
    x.discardAttributes === y.discardAttributes &&
    x.withdrawOnAttributes === y.withdrawOnAttributes &&
    sameLocalAddresses(a, b)
  )
}

function clusterIdsOf(config: EngineConfig): ReadonlySet<number> {
  const ids = new Set<number>()
  if (config.clusterId !== 0) ids.add(config.clusterId)
  for (const peer of config.peers.values()) if (peer.clusterId !== 0) ids.add(peer.clusterId)
  for (const range of config.dynamicNeighbors) if (range.template.clusterId !== 0) ids.add(range.template.clusterId)
  return ids
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Value range of an attribute in a canonical block, [0, 0] when absent. */
export function attributeRange(chunk: Uint8Array, base: number, length: number, code: number): [number, number] {
  const end = base + length
  for (let at = base; at < end; ) {
    const extended = (chunk[at] & 0x10) !== 0
    const start = at + (extended ? 4 : 3)
    const next = start + (extended ? (chunk[at + 2] << 8) | chunk[at + 3] : chunk[at + 2])
    if (chunk[at + 1] === code) return [start, next]
    at = next
  }
  return [0, 0]
}
