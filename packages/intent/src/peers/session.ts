/**
 * A chosen candidate to the session's full configuration (calico.md 2.5, 2.6): Calico's fields, then our own options.
 *
 * Everything that many sessions share (timers, graceful restart, families, policies) is one object per kind of session:
 * a mesh of 5,000 nodes makes 10,000 sessions per plan, and the engine compares shared parts by identity.
 */
import { type FamilyName, type PeerConfig, type PeerFamilyConfig, peerKey } from '@starling/engine'
import type { BfdOptions, BgpPeerResource } from '@starling/resources'
import type { PolicyBuilder } from '../policy/builder.js'
import type { Interner } from '../reuse.js'
import type { Settings } from '../settings.js'
import type { ClusterState } from '../state.js'
import type { Identity, PlannedPeer, PlanOptions, PlanProblem } from '../types.js'
import type { Candidate, Chosen } from './candidates.js'
import type { MergedOptions, OptionsIndex } from './options.js'
import { resolveSecret } from './secrets.js'

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
}

export interface SessionInput {
  readonly state: ClusterState
  readonly settings: Settings
  readonly identity: Identity
  readonly policies: PolicyBuilder
  readonly interner: Interner
  readonly options: OptionsIndex
  readonly plan: PlanOptions
  readonly problems: PlanProblem[]
}

const PREFIX = {
  mesh: 'Mesh_',
  global: 'Global_',
  node: 'Node_',
  'local-workload': 'Local_Workload_',
  dynamic: 'Dynamic_',
  static: 'Static_',
} as const

/** BIRD's protocol name (calico.md 2.3, 2.4). */
export function protocolName({ kind, address, port }: Pick<Candidate, 'kind' | 'address' | 'port'>): string {
  const suffix = port > 0 && kind !== 'mesh' ? `_port_${port}` : ''
  return PREFIX[kind] + address.replace(/[.:%]/g, '_') + suffix
}

export class SessionBuilder {
  readonly #input: SessionInput
  readonly #templates = new Map<BgpPeerResource | undefined, SessionTemplate[]>()

  constructor(input: SessionInput) {
    this.#input = input
  }

  build({ candidate, shadowed }: Chosen): PlannedPeer | undefined {
    const { problems, identity, options } = this.#input
    const { peer, family, zone } = candidate
    const own = options.of(peer)
    const remoteAs = own.remoteAs ?? candidate.remoteAs
    if (remoteAs === 0) {
      const message = `no AS number for ${candidate.address}, which is no node of the cluster: no session`
      problems.push({ severity: 'error', resource: candidate.why.resource, field: 'spec.asNumber', message })
      return undefined
    }
    const localWorkload = candidate.kind === 'local-workload'
    const template = this.template({
      peer,
      family,
      explicit: candidate.explicit,
      localWorkload,
      linkLocal: zone !== undefined,
    })
    const remotePort = own.remotePort ?? (candidate.port === 0 ? 179 : candidate.port)
    const internal = remoteAs === 'internal' || remoteAs === template.localAs
    const { kind, why } = candidate
    const routeReflectorClient =
      own.routeReflectorClient ??
      (kind !== 'mesh' && internal && identity.clusterId !== 0 && candidate.remoteClusterId !== identity.clusterId)
    // Member by member: spreading the template makes a slow object, 15 us each, and a mesh has thousands.
    const config: PeerConfig = {
      key: peerKey(candidate.address, remotePort),
      name: protocolName(candidate),
      kind,
      description: own.description ?? describe(candidate),
      why,
      remoteAddress: candidate.address,
      remotePort,
      localAddress: template.localAddress,
      interface: template.interface ?? zone,
      remoteAs,
      localAs: template.localAs,
      passive: own.passive ?? candidate.passive,
      enabled: template.enabled,
      shutdownMessage: template.shutdownMessage,
      heldDown: template.heldDown,
      password: template.password,
      ttlSecurity: template.ttlSecurity,
      families: template.families,
      timers: template.timers,
      gracefulRestart: template.gracefulRestart,
      routeRefresh: template.routeRefresh,
      extendedMessages: template.extendedMessages,
      fourOctetAs: template.fourOctetAs,
      role: template.role,
      routeReflectorClient,
      clusterId: template.clusterId,
      nextHop: template.nextHop,
      allowOwnAs: template.allowOwnAs,
      asOverride: template.asOverride,
      removePrivateAs: template.removePrivateAs,
      importPolicy: template.importPolicy,
      exportPolicy: template.exportPolicy,
      importDefault: template.importDefault,
      exportDefault: template.exportDefault,
      discardAttributes: template.discardAttributes,
      withdrawOnAttributes: template.withdrawOnAttributes,
      bfdStrict: template.bfdStrict,
    }
    const bfd = bfdOf(own)
    const reachableBy = peer?.spec.reachableBy?.family === family ? peer.spec.reachableBy.address : undefined
    return {
      config,
      filters: this.#filters(peer),
      sourceAddress: sourceMode(peer, localWorkload),
      shadowed,
      remoteClusterId: candidate.remoteClusterId,
      reachableBy,
      bfd,
    }
  }

  /** Filters that exist, in order. */
  #filters(peer: BgpPeerResource | undefined): readonly string[] {
    if (peer === undefined || peer.spec.filters.length === 0) return NO_FILTERS
    return peer.spec.filters.filter((name) => this.#input.state.named('BGPFilter', name) !== undefined)
  }

  template(source: TemplateSource): SessionTemplate {
    const { peer, family, explicit, localWorkload, linkLocal } = source
    const kind = (family === 'ipv6' ? 1 : 0) | (explicit ? 2 : 0) | (localWorkload ? 4 : 0) | (linkLocal ? 8 : 0)
    let templates = this.#templates.get(peer)
    if (templates === undefined) {
      templates = []
      this.#templates.set(peer, templates)
    }
    templates[kind] ??= this.#makeTemplate(source)
    return templates[kind]
  }

  #makeTemplate({ peer, family, explicit, localWorkload, linkLocal }: TemplateSource): SessionTemplate {
    const { identity, settings, state, policies, interner, options, plan } = this.#input
    const own = options.of(peer)
    const spec = peer?.spec
    this.#reportFilters(peer)
    const filters = this.#filters(peer)
    const families = own.families ?? (linkLocal ? (['ipv4', 'ipv6'] as const) : [family])
    const localAs = (explicit || localWorkload ? spec?.localASNumber : undefined) || identity.asNumber
    const secretSource = localWorkload
      ? undefined
      : peer === undefined
        ? settings.global?.nodeMeshPassword
        : spec?.password
    const { password, missing } = resolveSecret(secretSource, state, plan)
    const localAddress =
      own.localAddress ??
      (linkLocal || sourceMode(peer, localWorkload) === 'None' ? undefined : identity[family]?.address)
    return {
      localAs,
      enabled: own.enabled ?? true,
      ttlSecurity: localWorkload ? 0 : (spec?.ttlSecurity ?? 0),
      families: interner.keep(families.map((name) => familyConfig(name, own, linkLocal))),
      timers: interner.keep(timersOf(own, localWorkload ? undefined : spec?.keepaliveTime)),
      gracefulRestart: interner.keep(this.#gracefulRestart(own, peer, localWorkload)),
      routeRefresh: own.routeRefresh ?? true,
      extendedMessages: own.extendedMessages ?? true,
      fourOctetAs: true,
      routeReflectorClient: false,
      clusterId: identity.clusterId,
      nextHop: own.nextHop ?? (localWorkload ? 'auto' : nextHopOf(spec)),
      allowOwnAs: own.allowOwnAs ?? (explicit ? (spec?.numAllowedLocalASNumbers ?? 0) : 0),
      asOverride: own.asOverride ?? false,
      removePrivateAs: own.removePrivateAs ?? false,
      importPolicy: policies.import(families, filters, own.strictImport ?? false),
      exportPolicy: policies.export(families, filters),
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
      ...(missing === undefined ? {} : { heldDown: missing }),
    }
  }

  #reportFilters(peer: BgpPeerResource | undefined): void {
    peer?.spec.filters.forEach((name, i) => {
      if (this.#input.state.named('BGPFilter', name) !== undefined) return
      const resource = `BGPPeer/${peer.metadata.name}`
      const field = `spec.filters[${i}]`
      if (this.#input.problems.some((problem) => problem.resource === resource && problem.field === field)) return
      this.#input.problems.push({ severity: 'warning', resource, field, message: `no BGPFilter '${name}'; skipped` })
    })
  }

  #gracefulRestart(own: MergedOptions, peer: BgpPeerResource | undefined, localWorkload: boolean) {
    const { settings, problems } = this.#input
    const given =
      peer === undefined
        ? settings.global?.nodeMeshMaxRestartTime
        : localWorkload
          ? undefined
          : peer.spec.maxRestartTime
    const milliseconds = own.gracefulRestart?.restartTime ?? given
    const wanted = milliseconds === undefined ? DEFAULT_RESTART_TIME : Math.floor(milliseconds / 1000)
    if (wanted > MAXIMUM_RESTART_TIME) {
      const resource = peer === undefined ? 'BGPConfiguration/default' : `BGPPeer/${peer.metadata.name}`
      const field = peer === undefined ? 'spec.nodeMeshMaxRestartTime' : 'spec.maxRestartTime'
      const message = `${wanted} s does not fit the capability's 12 bits; ${MAXIMUM_RESTART_TIME} s is advertised`
      if (!problems.some((problem) => problem.resource === resource && problem.field === field))
        problems.push({ severity: 'warning', resource, field, message })
    }
    return {
      enabled: own.gracefulRestart?.enabled ?? true,
      restartTime: Math.max(0, Math.min(wanted, MAXIMUM_RESTART_TIME)),
      notification: own.gracefulRestart?.notification ?? false,
      longLivedStaleTime: Math.floor((own.gracefulRestart?.longLivedStaleTime ?? 0) / 1000),
    }
  }
}

function describe({ kind, remoteNode, peer }: Candidate): string {
  if (kind === 'mesh') return `node ${remoteNode}`
  return remoteNode === undefined
    ? `BGPPeer ${peer?.metadata.name}`
    : `BGPPeer ${peer?.metadata.name}, node ${remoteNode}`
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
  return {
    family,
    addPath: { receive: own.addPathReceive ?? true, send: send === 'all' ? Number.POSITIVE_INFINITY : send },
    extendedNextHop: family === 'ipv4' && (own.extendedNextHop ?? linkLocal),
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

/** Seconds; never rarer than a third of the hold time (RFC 4271 section 4.4), or the peer would give us up in between. */
function cappedKeepalive(milliseconds: number, holdTime: number): number {
  const seconds = Math.max(1, Math.floor(milliseconds / 1000))
  return holdTime === 0 ? seconds : Math.min(seconds, Math.max(1, Math.floor(holdTime / 3)))
}

function bfdOf(own: MergedOptions): BfdOptions | undefined {
  return typeof own.bfd === 'object' && own.bfd.enabled ? own.bfd : undefined
}
