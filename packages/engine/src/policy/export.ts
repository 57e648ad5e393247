/**
 * What a group of peers is told about a route: reflection rules, communities, roles, terms, then the attributes' own rules.
 *
 * In this order, each refusal with its reason: RFC 4456 section 6 (who may hear what), NO_ADVERTISE and its kin
 * (RFC 1997), long-lived stale (RFC 9494 section 4.3), OTC (RFC 9234 section 5), export policy (calico.md 2.8 as terms), next hop (calico.md 2.6), AS_PATH,
 * LOCAL_PREF, MED. ORIGINATOR_ID and CLUSTER_LIST of reflected routes are spliced in by the packer (`out/block.ts`),
 * so a reflected route keeps its AttrId and costs no new set. One profile per update group.
 */
import { type AsPath, AttributeCode, Community } from '@starling/bgp-packet'
import type { EngineConfig } from '../config/types.js'
import { type AttrId, type AttributeStore, SetFlag } from '../rib/attributes.js'
import type { FamilyIndex, LocalRoute, SessionParameters } from '../rib/contract.js'
import { type CompiledPolicy, compilePolicy, decidedBy, runPolicy } from './compile.js'
import type { RouteEdit } from './edit.js'
import { MISS, VerdictMemo } from './memo.js'
import { chooseNextHop } from './next-hop.js'
import { describeTerm } from './reason.js'

/** Where a route came from, as far as export rules care. */
export const SourceKind = { local: 0, external: 1, client: 2, nonClient: 3 } as const
export type SourceKind = (typeof SourceKind)[keyof typeof SourceKind]

const BLOCKED_FOR_EBGP = SetFlag.noExport | SetFlag.noExportSubconfed | SetFlag.noAdvertise

export class ExportProfile {
  reason = ''
  readonly family: FamilyIndex
  readonly session: SessionParameters
  readonly policy: CompiledPolicy
  readonly #config: EngineConfig
  readonly #memo: VerdictMemo
  readonly #store: AttributeStore
  /** Reflected routes pass unchanged: neither terms nor next hop can touch them. */
  readonly #transparent: boolean
  /** By source kind: {@link reflects}. */
  readonly #reflects: readonly boolean[]
  /** Communities (as set flags) that keep a route from these peers. */
  readonly #blocked: number

  constructor(session: SessionParameters, family: FamilyIndex, config: EngineConfig, store: AttributeStore) {
    this.session = session
    this.family = family
    this.#config = config
    this.#store = store
    this.policy = compilePolicy(session.config.exportPolicy, session.config.exportDefault)
    this.#memo = new VerdictMemo(store)
    this.#reflects = [0, 1, 2, 3].map((kind) => this.#mayHear(kind as SourceKind))
    this.#blocked = session.external ? BLOCKED_FOR_EBGP : SetFlag.noAdvertise
    const { nextHop, role } = session.config
    this.#transparent =
      !session.external &&
      this.policy.trivial &&
      nextHop !== 'self' &&
      role === undefined &&
      config.defaultLocalPref >= 0
  }

  get looksAtPrefix(): boolean {
    return this.policy.looksAtPrefix
  }

  /** Our cluster id towards this group's peers (RFC 4456 section 8). */
  get clusterId(): number {
    const { clusterId } = this.session.config
    return clusterId !== 0 ? clusterId : this.#config.clusterId !== 0 ? this.#config.clusterId : this.#config.routerId
  }

  reflects(kind: SourceKind): boolean {
    return this.#reflects[kind]
  }

  /** RFC 4456 section 6. */
  #mayHear(kind: SourceKind): boolean {
    if (this.session.external || kind === SourceKind.local || kind === SourceKind.external) return true
    const toClient = this.session.config.routeReflectorClient
    if (kind === SourceKind.client) return !toClient || this.#config.clientToClient
    return toClient
  }

  /** The exported set of a BGP route, 0 when it is not for this group. */
  run(edit: RouteEdit, attr: AttrId, kind: SourceKind): AttrId {
    const store = this.#store
    const flags = store.flags[attr]
    if (!this.#reflects[kind] || flags & this.#blocked) return 0
    if (this.#transparent && flags & SetFlag.localPref && this.#fits(flags) && !this.#unwelcome(flags)) return attr
    if (this.policy.looksAtPrefix) return this.evaluate(edit, attr, kind, undefined)
    const known = this.#memo.get(attr, kind)
    if (known !== MISS) return known
    const out = this.evaluate(edit, attr, kind, undefined)
    this.#memo.set(attr, kind, out)
    return out
  }

  /** IPv6 routes always carry a next hop of their own family; an IPv4 one may not (RFC 8950). */
  #fits(flags: number): boolean {
    return this.family === 1 || (flags & SetFlag.inlineNextHop) !== 0 || this.session.extendedNextHop
  }

  /** Long-lived stale, and these peers never said that they know what that is. */
  #unwelcome(flags: number): boolean {
    return (flags & SetFlag.llgrStale) !== 0 && this.session.longLived !== true
  }

  /** The long road, with {@link reason}. The edit's prefix must be set if {@link looksAtPrefix}. */
  evaluate(edit: RouteEdit, attr: AttrId, kind: SourceKind, local: LocalRoute | undefined): AttrId {
    const { external, config } = this.session
    const store = this.#store
    this.reason = ''
    if (!this.reflects(kind)) {
      return this.#no(kind === SourceKind.client ? 'client to client reflection is off' : 'not a client')
    }
    const flags = store.flags[attr]
    if (flags & SetFlag.noAdvertise) return this.#no('community no-advertise')
    if (external && flags & BLOCKED_FOR_EBGP) return this.#no('community no-export')
    if (external && this.#unwelcome(flags))
      return this.#no('long-lived stale, and the peer does not do LLGR (RFC 9494)')
    edit.begin(attr)
    edit.family = this.family
    edit.external = external
    edit.defaultLocalPref = this.#config.defaultLocalPref
    edit.source = local === undefined ? 'bgp' : local.source
    edit.learnedFrom = local !== undefined ? 'local' : kind === SourceKind.external ? 'ebgp' : 'ibgp'
    edit.metric = local?.metric
    edit.interface = local !== undefined ? interfaceOf(local) : this.#deviceOf(attr)
    if (config.role !== undefined && !this.#roles(edit)) return 0
    if (runPolicy(this.policy, edit) === 'reject') return this.#no(`export policy: ${describeTerm(decidedBy())}`)
    const hop = chooseNextHop(store.nextHops, this.session, this.family, edit.source, edit.nextHop, edit.nextHopAction)
    if (typeof hop === 'string') return this.#no(hop)
    edit.setNextHop(hop)
    if (external) this.#toExternal(edit)
    else this.#toInternal(edit)
    if (this.#unwelcome(flags)) {
      // RFC 9494 section 4.6: inside the AS it may go out, as the last of choices and no further.
      edit.addCommunity(Community.noExport)
      edit.setLocalPref(0)
    }
    const out = edit.commit()
    if (hop !== 0) store.nextHops.dropIfUnused(hop)
    return out === 0 ? this.#no('attributes too long') : out
  }

  /** Only where a term asks: the question makes the next hop a tracked one. */
  #deviceOf(attr: AttrId): string | undefined {
    return this.policy.looksAtInterface ? this.#store.nextHops.device(this.#store.nextHop[attr]) : undefined
  }

  #no(reason: string): 0 {
    this.reason = reason
    return 0
  }

  /** RFC 9234 section 5, egress; the role is ours. */
  #roles(edit: RouteEdit): boolean {
    const { role, localAs } = this.session.config
    const upward = role === 'customer' || role === 'peer' || role === 'rs-client'
    if (upward && edit.otc !== undefined) {
      this.reason = 'OTC: this route goes to customers only (RFC 9234)'
      return false
    }
    const downward = role === 'provider' || role === 'rs' || role === 'peer'
    if (downward && edit.otc === undefined) edit.setOtc(localAs)
    return true
  }

  #toInternal(edit: RouteEdit): void {
    if (edit.localPref === undefined) edit.setLocalPref(this.#config.defaultLocalPref)
    edit.prependToPath(edit.prepend)
  }

  #toExternal(edit: RouteEdit): void {
    const { config, remoteAs } = this.session
    edit.setLocalPref(undefined)
    edit.dropAttribute(AttributeCode.originatorId)
    edit.dropAttribute(AttributeCode.clusterList)
    edit.dropNonTransitive()
    // Measured on the BIRD fork (calico.md 2.8): a MED of its own goes out, a learned one becomes 0 (RFC 4271 5.1.4).
    if (!edit.medSet && edit.source === 'bgp' && edit.med !== undefined) edit.setMed(0)
    let path: AsPath = edit.asPath.filter(({ type }) => type === 'sequence' || type === 'set')
    if (config.removePrivateAs) path = mapPath(path, (asn) => (isPrivateAs(asn) ? undefined : asn))
    if (config.asOverride) path = mapPath(path, (asn) => (asn === remoteAs ? config.localAs : asn))
    edit.setAsPath(path)
    edit.prependToPath([...edit.prepend, config.localAs])
  }
}

export function interfaceOf(route: LocalRoute): string | undefined {
  return route.interface ?? (route.target.kind === 'device' ? route.target.interface : undefined)
}

/** RFC 6996. */
export function isPrivateAs(asn: number): boolean {
  return (asn >= 64512 && asn <= 65534) || (asn >= 4200000000 && asn <= 4294967294)
}

function mapPath(path: AsPath, change: (asn: number) => number | undefined): AsPath {
  return path
    .map(({ type, asns }) => ({ type, asns: asns.map(change).filter((asn) => asn !== undefined) }))
    .filter(({ asns }) => asns.length > 0)
}
