/**
 * What sessions of one kind share: everything in a session's configuration that does not depend on the single remote
 * address (calico.md 2.5, 2.6). Calico's fields, then our own options.
 *
 * A mesh of 5,000 nodes makes 10,000 sessions from two templates; the engine compares shared parts by identity, and the
 * interner gives them the identity they had in the plan before.
 */
import type { FamilyName, PeerConfig, PeerFamilyConfig } from '@starling/engine'
import type { BfdOptions, BgpPeerResource } from '@starling/resources'
import type { PolicyBuilder } from '../policy/builder.js'
import type { Interner } from '../reuse.js'
import type { Settings } from '../settings.js'
import type { ClusterState } from '../state.js'
import type { Circumstances, Identity, PlanProblem } from '../types.js'
import type { MergedOptions, OptionsIndex } from './options.js'
import { resolveSecret, type SecretSource } from './secrets.js'

export const DEFAULT_HOLD_TIME = 240
export const DEFAULT_RESTART_TIME = 120
const MAXIMUM_RESTART_TIME = 4095
const NO_FILTERS: readonly string[] = []

/** What does not depend on the single remote address. */
export type SessionTemplate = Omit<
  PeerConfig,
  'key' | 'name' | 'kind' | 'description' | 'why' | 'remoteAddress' | 'remotePort' | 'remoteAs' | 'passive'
>

export interface TemplateSource {
  readonly peer: BgpPeerResource | undefined
  readonly family: FamilyName
  readonly explicit: boolean
  readonly localWorkload: boolean
  readonly linkLocal: boolean
  /** Who is to blame where there is no BGPPeer; absent: the mesh. */
  readonly resource?: string
}

/** A session that a StarlingPeerOptions makes by itself: nothing of a BGPPeer, and nothing of the mesh. */
export interface OwnSource {
  /** `ranges/0`: for telling it again in the next plan. */
  readonly name: string
  readonly family: FamilyName
  readonly linkLocal: boolean
  readonly options: MergedOptions
  readonly filters: readonly string[]
}

export interface SessionInput {
  readonly state: ClusterState
  readonly settings: Settings
  readonly identity: Identity
  readonly policies: PolicyBuilder
  readonly interner: Interner
  readonly options: OptionsIndex
  readonly plan: Circumstances
  readonly problems: PlanProblem[]
}

/** A template with what else the sessions of one BGPPeer (or the mesh) have in common. */
export interface Basis {
  readonly template: SessionTemplate
  /** Options that stand against what the candidate says. */
  readonly given: Pick<MergedOptions, 'remoteAs' | 'remotePort' | 'description' | 'passive' | 'routeReflectorClient'>
  readonly filters: readonly string[]
  readonly sourceAddress: 'UseNodeIP' | 'None'
  readonly wantsPassword: boolean
  readonly reachableBy: string | undefined
  readonly bfd: BfdOptions | undefined
  readonly bfdKey: string | undefined
  readonly optionsFrom: Readonly<Record<string, string>>
}

export class TemplateBuilder {
  readonly #input: SessionInput
  readonly #bases = new Map<BgpPeerResource | undefined, Basis[]>()

  constructor(input: SessionInput) {
    this.#input = input
  }

  of(source: TemplateSource): Basis {
    const { peer, family, explicit, localWorkload, linkLocal } = source
    const kind = (family === 'ipv6' ? 1 : 0) | (explicit ? 2 : 0) | (localWorkload ? 4 : 0) | (linkLocal ? 8 : 0)
    let bases = this.#bases.get(peer)
    if (bases === undefined) {
      bases = []
      this.#bases.set(peer, bases)
    }
    bases[kind] ??= this.#basis(source, `${kind} ${peer === undefined ? 'mesh' : `BGPPeer/${peer.metadata.name}`}`)
    return bases[kind]
  }

  #basis(source: TemplateSource, name: string): Basis {
    const { peer, family, localWorkload } = source
    const { interner, options, state, plan } = this.#input
    const { remoteAs, remotePort, description, passive, routeReflectorClient, ...own } = options.of(peer)
    const bfd = bfdOf(own)
    return interner.keepGroup(`basis ${name}`, {
      template: interner.keepGroup(
        `template ${name}`,
        this.#makeTemplate(source, options.of(peer), this.#filters(peer)),
      ),
      given: interner.keep({ remoteAs, remotePort, description, passive, routeReflectorClient }),
      filters: interner.keep(this.#filters(peer)),
      sourceAddress: sourceMode(peer, localWorkload),
      wantsPassword: this.#wantsPassword(source),
      reachableBy: peer?.spec.reachableBy?.family === family ? peer.spec.reachableBy.address : undefined,
      bfd: bfd === undefined ? undefined : interner.keep(bfd),
      bfdKey: resolveSecret(bfd?.authentication, state, plan).password,
      optionsFrom: interner.keep(options.sources(peer)),
    })
  }

  /** Its secret and its filters are the caller's. */
  own({ name, family, linkLocal, options, filters }: OwnSource): SessionTemplate {
    const source = {
      peer: undefined,
      family,
      explicit: false,
      localWorkload: true,
      linkLocal,
      resource: name.split(' ', 1)[0] ?? name,
    }
    return this.#input.interner.keepGroup(`own ${name}`, this.#makeTemplate(source, options, filters))
  }

  /** Filters that exist, in order. */
  #filters(peer: BgpPeerResource | undefined): readonly string[] {
    if (peer === undefined || peer.spec.filters.length === 0) return NO_FILTERS
    return peer.spec.filters.filter((name) => this.#input.state.named('BGPFilter', name) !== undefined)
  }

  #makeTemplate(source: TemplateSource, own: MergedOptions, filters: readonly string[]): SessionTemplate {
    const { peer, family, explicit, localWorkload, linkLocal } = source
    const { identity, state, policies, interner, plan } = this.#input
    const spec = peer?.spec
    this.#reportFilters(peer)
    const families = own.families ?? (linkLocal ? (['ipv4', 'ipv6'] as const) : [family])
    const localAs = (explicit || localWorkload ? spec?.localASNumber : undefined) || identity.asNumber
    const { password, missing } = resolveSecret(this.#secretOf(peer, localWorkload), state, plan)
    if (missing !== undefined)
      this.#problem('error', source, peer === undefined ? 'nodeMeshPassword' : 'password', missing)
    const heldDown = missing ?? resolveSecret(bfdOf(own)?.authentication, state, plan).missing
    this.#reportFamilies(source, families, own)
    const given = own.localAddress
    const fits = given === undefined || given.includes(':') === (family === 'ipv6')
    if (!fits)
      this.#problem(
        'warning',
        source,
        'localAddress',
        `${given} is no ${family} address: not used for ${family} sessions`,
      )
    const localAddress =
      (fits ? given : undefined) ??
      (linkLocal || sourceMode(peer, localWorkload) === 'None' ? undefined : identity[family]?.address)
    return {
      localAs,
      enabled: own.enabled ?? true,
      ttlSecurity: localWorkload ? 0 : (spec?.ttlSecurity ?? 0),
      transport: interner.keep(transportOf(own)),
      families: interner.keep(families.map((name) => familyConfig(name, own, linkLocal))),
      timers: interner.keep(timersOf(own, localWorkload ? undefined : spec?.keepaliveTime)),
      gracefulRestart: interner.keep(this.#gracefulRestart(own, peer, localWorkload)),
      routeRefresh: own.routeRefresh ?? true,
      extendedMessages: own.extendedMessages ?? true,
      fourOctetAs: true,
      routeReflectorClient: false,
      clusterId: own.clusterId ?? identity.clusterId,
      nextHop: own.nextHop ?? (localWorkload ? 'auto' : nextHopOf(spec)),
      allowOwnAs: own.allowOwnAs ?? (explicit ? (spec?.numAllowedLocalASNumbers ?? 0) : 0),
      enforceFirstAs: own.enforceFirstAs ?? true,
      asOverride: own.asOverride ?? false,
      removePrivateAs: own.removePrivateAs ?? false,
      importPolicy: policies.import(families, filters, own),
      exportPolicy: policies.export(families, filters, own),
      importDefault: 'accept',
      exportDefault: 'reject',
      discardAttributes: interner.keep(own.discardAttributes ?? []),
      withdrawOnAttributes: interner.keep(own.withdrawOnAttributes ?? []),
      bfdStrict: bfdOf(own)?.strict ?? false,
      ...(own.role === undefined ? {} : { role: own.role }),
      ...(own.shutdownMessage === undefined ? {} : { shutdownMessage: own.shutdownMessage }),
      ...(own.interface === undefined ? {} : { interface: own.interface }),
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(password === undefined ? {} : { password }),
      ...(heldDown === undefined ? {} : { heldDown }),
    }
  }

  /** Routes of a family need an address of it as their next hop; over IPv6 sessions RFC 8950 is the way out. */
  #reportFamilies(source: TemplateSource, families: readonly FamilyName[], own: MergedOptions): void {
    const { family, linkLocal } = source
    const { identity } = this.#input
    const other = family === 'ipv4' ? 'ipv6' : 'ipv4'
    if (linkLocal || !families.includes(other) || identity[other] !== undefined) return
    if (other === 'ipv4' && own.extendedNextHop === true) return
    const cure = other === 'ipv4' ? ': set extendedNextHop (RFC 8950), here and on the other side' : ''
    const message = `${other} routes over an ${family} session: Node/${identity.node} has no ${other} address to be their next hop${cure}`
    this.#problem('warning', source, 'families', message)
  }

  #secretOf(peer: BgpPeerResource | undefined, localWorkload: boolean): SecretSource | undefined {
    if (localWorkload) return undefined
    return peer === undefined ? this.#input.settings.global?.nodeMeshPassword : peer.spec.password
  }

  #wantsPassword({ peer, localWorkload }: TemplateSource): boolean {
    const { state, plan } = this.#input
    const { password, missing } = resolveSecret(this.#secretOf(peer, localWorkload), state, plan)
    return password !== undefined || missing !== undefined
  }

  #reportFilters(peer: BgpPeerResource | undefined): void {
    peer?.spec.filters.forEach((name, i) => {
      if (this.#input.state.named('BGPFilter', name) !== undefined) return
      this.#problem('warning', { peer }, `filters[${i}]`, `no BGPFilter '${name}'; skipped`)
    })
  }

  /** Once per field, however many kinds of sessions one BGPPeer makes. Without a BGPPeer: of the mesh. */
  #problem(
    severity: PlanProblem['severity'],
    { peer, resource: own }: Pick<TemplateSource, 'peer' | 'resource'>,
    member: string,
    message: string,
  ): void {
    const resource = peer === undefined ? (own ?? 'BGPConfiguration/default') : `BGPPeer/${peer.metadata.name}`
    const field = `spec.${member}`
    const { problems } = this.#input
    if (problems.some((problem) => problem.resource === resource && problem.field === field)) return
    problems.push({ severity, resource, field, message })
  }

  #gracefulRestart(own: MergedOptions, peer: BgpPeerResource | undefined, localWorkload: boolean) {
    const { settings } = this.#input
    const given =
      peer === undefined
        ? settings.global?.nodeMeshMaxRestartTime
        : localWorkload
          ? undefined
          : peer.spec.maxRestartTime
    const milliseconds = own.gracefulRestart?.restartTime ?? given
    const wanted = milliseconds === undefined ? DEFAULT_RESTART_TIME : Math.floor(milliseconds / 1000)
    if (wanted > MAXIMUM_RESTART_TIME) {
      const member = peer === undefined ? 'nodeMeshMaxRestartTime' : 'maxRestartTime'
      const message = `${wanted} s does not fit the capability's 12 bits; ${MAXIMUM_RESTART_TIME} s is advertised`
      this.#problem('warning', { peer }, member, message)
    }
    return {
      enabled: own.gracefulRestart?.enabled ?? true,
      restartTime: Math.max(0, Math.min(wanted, MAXIMUM_RESTART_TIME)),
      notification: own.gracefulRestart?.notification ?? false,
      longLivedStaleTime: Math.floor((own.gracefulRestart?.longLivedStaleTime ?? 0) / 1000),
    }
  }
}

function sourceMode(peer: BgpPeerResource | undefined, localWorkload: boolean): 'UseNodeIP' | 'None' {
  return localWorkload || peer?.spec.sourceAddress === 'None' ? 'None' : 'UseNodeIP'
}

/** keepOriginalNextHop counts only without nextHopMode, and on eBGP only (calico.md 2.6). */
function nextHopOf(spec: BgpPeerResource['spec'] | undefined): PeerConfig['nextHop'] {
  if (spec?.nextHopMode === 'Self') return 'self'
  if (spec?.nextHopMode === 'Keep') return 'keep'
  return spec?.nextHopMode === undefined && spec?.keepOriginalNextHop === true ? 'keep-ebgp' : 'auto'
}

function familyConfig(family: FamilyName, own: MergedOptions, linkLocal: boolean): PeerFamilyConfig {
  const send = own.addPathSend ?? 'all'
  const importLimit = own.importLimits?.[family]
  const exportLimit = own.exportLimits?.[family]
  const longLived = own.gracefulRestart?.longLivedStaleTimes?.[family]
  return {
    family,
    addPath: { receive: own.addPathReceive ?? true, send: send === 'all' ? Number.POSITIVE_INFINITY : send },
    extendedNextHop: family === 'ipv4' && (own.extendedNextHop ?? linkLocal),
    ...(longLived === undefined ? {} : { longLivedStaleTime: Math.floor(longLived / 1000) }),
    ...(importLimit === undefined ? {} : { importLimit }),
    ...(exportLimit === undefined ? {} : { exportLimit }),
  }
}

function timersOf(own: MergedOptions, keepalive: number | undefined): PeerConfig['timers'] {
  const holdTime = own.holdTime === undefined ? DEFAULT_HOLD_TIME : own.holdTime / 1000
  const keepaliveTime = own.keepaliveTime ?? keepalive
  const { minimum = 1000, maximum = 30_000 } = own.idleHoldTime ?? {}
  return {
    holdTime,
    keepaliveTime: keepaliveTime === undefined ? undefined : cappedKeepalive(keepaliveTime, holdTime),
    connectRetryTime: own.connectRetryTime ?? 5000,
    delayOpenTime: own.delayOpenTime ?? 0,
    idleHoldTime: [minimum, Math.max(minimum, maximum)],
    sendHoldTime: own.sendHoldTime ?? 0,
    advertisementInterval: own.advertisementInterval ?? 0,
  }
}

const CS6 = 48

function transportOf(own: MergedOptions): PeerConfig['transport'] {
  return {
    dscp: own.dscp ?? CS6,
    userTimeout: own.tcpUserTimeout ?? 0,
    maximumSegment: own.tcpMaximumSegment ?? 0,
  }
}

/** Seconds; never rarer than a third of the hold time (RFC 4271 section 4.4), or the peer would give us up in between. */
function cappedKeepalive(milliseconds: number, holdTime: number): number {
  const seconds = Math.max(1, Math.floor(milliseconds / 1000))
  return holdTime === 0 ? seconds : Math.min(seconds, Math.max(1, Math.floor(holdTime / 3)))
}

function bfdOf(own: MergedOptions): BfdOptions | undefined {
  return typeof own.bfd === 'object' && own.bfd.enabled ? own.bfd : undefined
}
