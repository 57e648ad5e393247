/**
 * Peers without a known address: ranges that may connect to us, and interfaces where router advertisements name the peer.
 * Both come from StarlingPeerOptions alone; Calico has no word for them. What the resource says about sessions holds for
 * those it makes, too.
 */
import {
  type DynamicNeighbors,
  type PeerConfig,
  type PeerKey,
  peerKey,
  unnumberedAddress,
  type Why,
} from '@starling/engine'
import { Prefix } from '@starling/inet'
import type { PeerOptionsResource } from '@starling/resources'
import type { ClusterState } from '../state.js'
import type { Circumstances, PlannedPeer, PlannedRange, PlanProblem } from '../types.js'
import type { Candidate } from './candidate.js'
import type { MergedOptions, OptionsIndex } from './options.js'
import { resolveSecret } from './secrets.js'
import type { SessionTemplate, TemplateBuilder } from './template.js'

export interface RangesInput {
  readonly index: OptionsIndex
  readonly templates: TemplateBuilder
  readonly state: ClusterState
  readonly options: Circumstances
  readonly problems: PlanProblem[]
}

const resourceOf = ({ metadata }: PeerOptionsResource): string => `StarlingPeerOptions/${metadata.name}`

export function listenRanges(input: RangesInput): readonly PlannedRange[] {
  const { index, templates, state, options } = input
  return index.resources.flatMap((owner) =>
    owner.spec.listenRanges.map(({ cidr, maximum, remoteAs, ttlSecurity, filters, password: source }, i) => {
      const resource = resourceOf(owner)
      const { description, routeReflectorClient, ...own } = index.own(owner)
      const template = templates.own({
        name: `${resource} range ${i}`,
        family: cidr.family,
        linkLocal: false,
        options: own,
        filters: known(input, resource, `spec.listenRanges[${i}]`, filters),
      })
      const neighbors: DynamicNeighbors = {
        range: cidr.network,
        maximum,
        template: {
          ...template,
          routeReflectorClient: routeReflectorClient ?? template.routeReflectorClient,
          description: description ?? `range ${cidr.network}`,
          why: { resource, field: `spec.listenRanges[${i}]`, rule: `peers that connect from ${cidr.network}` },
          remoteAs,
          ttlSecurity,
          ...secret(template, resolveSecret(source, state, options)),
        },
      }
      return { neighbors, ...bfdOf(input, own) }
    }),
  )
}

/**
 * The kernel asks the password of a range of everybody whose address lies in it and who has none of his own: a peer or a
 * range without one would be met with silence when it connects (RFC 2385).
 */
export function passwordClashes(
  ranges: readonly PlannedRange[],
  peers: ReadonlyMap<PeerKey, PeerConfig>,
  problems: PlanProblem[],
): void {
  for (const { neighbors: outer } of ranges) {
    const prefix = outer.template.password === undefined ? undefined : Prefix.parse(outer.range)
    if (prefix === undefined) continue
    const clash = (network: string, { resource, field }: Why, password: string | undefined) => {
      const inner = password === undefined ? Prefix.parseOrHost(network) : undefined
      if (inner === undefined || !prefix.contains(inner)) return
      const message = `${network} has no password, but lies in ${outer.range} of ${outer.template.why.resource}, which has one: its connections to us are dropped; give it one`
      problems.push({ severity: 'warning', resource, ...(field !== undefined && { field }), message })
    }
    for (const { remoteAddress, why, password } of peers.values()) clash(remoteAddress, why, password)
    for (const { neighbors } of ranges)
      if (neighbors !== outer) clash(neighbors.range, neighbors.template.why, neighbors.template.password)
  }
}

/** One per interface: the first resource by name has it. */
export function unnumberedPeers(input: RangesInput): readonly PlannedPeer[] {
  const peers = new Map<string, PlannedPeer>()
  for (const owner of input.index.resources) {
    owner.spec.unnumbered.forEach((found, i) => {
      const resource = resourceOf(owner)
      const field = `spec.unnumbered[${i}]`
      const before = peers.get(found.interface)
      if (before === undefined) {
        peers.set(found.interface, unnumbered(input, owner, i))
        return
      }
      const message = `${found.interface} has an unnumbered peer already, of ${before.config.why.resource}`
      input.problems.push({ severity: 'warning', resource, field: `${field}.interface`, message })
    })
  }
  return [...peers.values()]
}

function unnumbered(input: RangesInput, owner: PeerOptionsResource, i: number): PlannedPeer {
  const { index, templates, state, options } = input
  const resource = resourceOf(owner)
  const found = owner.spec.unnumbered[i] as PeerOptionsResource['spec']['unnumbered'][number]
  const { interface: name, remoteAs, password: source } = found
  const field = `spec.unnumbered[${i}]`
  const { description, passive, remotePort = 179, routeReflectorClient, ...own } = index.own(owner)
  const filters = known(input, resource, field, found.filters)
  const template = templates.own({
    name: `${resource} unnumbered ${i}`,
    family: 'ipv6',
    linkLocal: true,
    options: own,
    filters,
  })
  const why: Why = { resource, field, rule: `the router behind ${name}` }
  const address = unnumberedAddress(name)
  const config: PeerConfig = {
    ...template,
    key: peerKey(address, remotePort),
    name: `Unnumbered_${name.replace(/[^0-9a-zA-Z_]/g, '_')}`,
    kind: 'node',
    description: description ?? `router behind ${name}`,
    why,
    remoteAddress: address,
    remotePort,
    interface: name,
    remoteAs,
    passive: passive ?? false,
    routeReflectorClient: routeReflectorClient ?? template.routeReflectorClient,
    ...secret(template, resolveSecret(source, state, options)),
  }
  const candidate: Candidate = {
    kind: config.kind,
    rank: 1,
    family: 'ipv6',
    address,
    zone: name,
    port: remotePort,
    remoteAs: 0,
    passive: config.passive,
    remoteNode: undefined,
    remoteClusterId: undefined,
    peer: undefined,
    explicit: false,
    why,
  }
  return {
    config,
    filters,
    sourceAddress: 'None',
    wantsPassword: source !== undefined,
    optionsFrom: {},
    shadowed: [],
    remoteClusterId: undefined,
    reachableBy: undefined,
    ...bfdOf(input, own),
    makings: { basis: template, candidate, shadowed: [] },
  }
}

function bfdOf({ state, options }: RangesInput, own: MergedOptions): Pick<PlannedPeer, 'bfd' | 'bfdKey'> {
  const bfd = typeof own.bfd === 'object' && own.bfd.enabled ? own.bfd : undefined
  return { bfd, bfdKey: resolveSecret(bfd?.authentication, state, options).password }
}

function secret(
  { heldDown }: SessionTemplate,
  { password, missing }: ReturnType<typeof resolveSecret>,
): Pick<PeerConfig, 'password' | 'heldDown'> {
  const held = missing ?? heldDown
  return { ...(password === undefined ? {} : { password }), ...(held === undefined ? {} : { heldDown: held }) }
}

function known({ state, problems }: RangesInput, resource: string, field: string, filters: readonly string[]) {
  return filters.filter((name, i) => {
    if (state.named('BGPFilter', name) !== undefined) return true
    const message = `no BGPFilter '${name}'; skipped`
    problems.push({ severity: 'warning', resource, field: `${field}.filters[${i}]`, message })
    return false
  })
}
