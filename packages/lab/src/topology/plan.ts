/**
 * What a topology means, as a pure function: devices with interfaces and underlay routes, the BGP sessions that must come
 * up, and the resources that say so in Calico's words. The runner builds it, the convergence check compares against it.
 *
 * The underlay knows the racks' subnets only. Pod addresses travel by BGP alone: a ping between pods proves that the
 * programs put the routes there.
 */
import { familyOf } from './addresses.js'
import { type Device, type Leg, LOOPBACK, type Segment, type Topology, type Tor } from './types.js'

export type Role = 'node' | 'reflector' | 'tor'

export interface DevicePlan {
  readonly name: string
  readonly role: Role
  readonly daemon: Device['daemon']
  readonly asNumber: number
  /** The address of the first leg: router id, and the node's address in the datastore. */
  readonly address: string
  readonly legs: readonly (Leg & { readonly interface: string })[]
  readonly cables: readonly CablePlan[]
  /** To the other segments, through ToRs, in each family. */
  readonly underlay: readonly { readonly to: string; readonly via: string }[]
  readonly pods: readonly string[]
}

/** One end of a cable without addresses: BGP runs over link-local ones, and each end is found behind its interface. */
export interface CablePlan {
  /** The cable's own name; people name it by the device at its other end. */
  readonly segment: string
  readonly interface: string
  readonly linkLocal: string
  readonly to: string
}

/**
 * One session that must be Established; each end sees it under the other's address. Calico has one per family; over a
 * cable there is one for both, and the address is a link-local one with the interface it is behind.
 */
export interface SessionPlan {
  readonly type: 'iBGP' | 'eBGP'
  readonly ends: readonly [SessionEnd, SessionEnd]
}

export interface SessionEnd {
  readonly device: string
  readonly address: string
}

/** The same on every cable: a session's identity is address and interface, and tests see that both count. */
const LINK_LOCAL = { tor: 'fe80::1', node: 'fe80::2' } as const

export interface LabPlan {
  readonly topology: Topology
  readonly segments: readonly Segment[]
  readonly devices: readonly DevicePlan[]
  readonly sessions: readonly SessionPlan[]
}

export function planLab(topology: Topology): LabPlan {
  return {
    topology,
    segments: topology.segments,
    devices: [
      ...topology.tors.map((tor) => device(topology, tor, 'tor', tor.legs)),
      ...topology.reflectors.map((reflector) => device(topology, reflector, 'reflector', [reflector.leg])),
      ...topology.nodes.map((node) => device(topology, node, 'node', [node.leg], podNames(node.name, node.pods))),
    ],
    sessions: sessions(topology),
  }
}

/** The families that pods have addresses of. */
export function familiesOf({ pools }: Topology): readonly (4 | 6)[] {
  return pools.some(({ cidr }) => familyOf(cidr) === 6) ? [4, 6] : [4]
}

function podNames(node: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${node}-p${at + 1}`)
}

function device(
  topology: Topology,
  { name, daemon, asNumber }: Device,
  role: Role,
  legs: readonly Leg[],
  pods: readonly string[] = [],
): DevicePlan {
  return {
    name,
    role,
    daemon,
    asNumber,
    address: legs[0]!.address,
    legs: legs.map((leg, at) => ({ ...leg, interface: leg.segment === LOOPBACK ? 'lo' : `eth${at}` })),
    cables: cablesOf(topology, name),
    underlay: underlayRoutes(topology, legs),
    pods,
  }
}

/** The cables of a device; their interfaces are numbered behind those of its racks. */
function cablesOf(topology: Topology, device: string): CablePlan[] {
  const { nodes, tors } = topology
  const legs = [...nodes.map(({ name, leg }) => ({ name, legs: [leg] })), ...tors].find(
    ({ name }) => name === device,
  )?.legs
  const first = legs?.filter(({ segment }) => segment !== LOOPBACK).length ?? 0
  return nodes
    .flatMap(({ name, uplinks }) => uplinks.map((tor) => ({ node: name, tor })))
    .map((cable, at) => ({ ...cable, segment: `cable${at + 1}` }))
    .filter(({ node, tor }) => node === device || tor === device)
    .map(({ node, tor, segment }, at) => ({
      segment,
      interface: `eth${first + at}`,
      linkLocal: node === device ? LINK_LOCAL.node : LINK_LOCAL.tor,
      to: node === device ? tor : node,
    }))
}

/** Shortest way through ToRs to every segment the device is not in: breadth first, ToRs in file order. */
function underlayRoutes({ segments, tors }: Topology, legs: readonly Leg[]): { to: string; via: string }[] {
  const subnets = new Map(segments.map((segment) => [segment.name, segment]))
  const seen = new Set([LOOPBACK, ...legs.map(({ segment }) => segment)])
  const own = new Set(legs.map(({ address }) => address))
  const onLinks = legs.filter(({ segment }) => segment !== LOOPBACK)
  const queue: { segment: string; via?: Leg }[] = onLinks.map(({ segment }) => ({ segment }))
  const routes: { to: string; via: string }[] = []
  for (const { segment, via: first } of queue) {
    for (const tor of tors) {
      const entry = tor.legs.find((leg) => leg.segment === segment)
      if (entry === undefined || own.has(entry.address)) continue
      const via = first ?? entry
      for (const exit of tor.legs) {
        if (seen.has(exit.segment)) continue
        seen.add(exit.segment)
        const { subnet, subnet6 } = subnets.get(exit.segment)!
        routes.push({ to: subnet, via: via.address })
        if (subnet6 !== undefined && via.six !== undefined) routes.push({ to: subnet6, via: via.six.address })
        queue.push({ segment: exit.segment, via })
      }
    }
  }
  return routes
}

function sessions(topology: Topology): SessionPlan[] {
  const { nodes, reflectors, tors, mesh } = topology
  const found: SessionPlan[] = []
  const pair = (a: Device, aLeg: Leg, b: Device, bLeg: Leg) => {
    for (const [aAddress, bAddress] of addressPairs(aLeg, bLeg)) {
      found.push({
        type: a.asNumber === b.asNumber ? 'iBGP' : 'eBGP',
        ends: [
          { device: a.name, address: aAddress },
          { device: b.name, address: bAddress },
        ],
      })
    }
  }
  if (mesh) for (const [a, b] of pairs(nodes)) pair(a, a.leg, b, b.leg)
  for (const reflector of reflectors) for (const node of nodes) pair(node, node.leg, reflector, reflector.leg)
  for (const [a, b] of pairs(reflectors)) pair(a, a.leg, b, b.leg)
  for (const tor of tors) {
    for (const leg of tor.legs) {
      if (leg.segment === LOOPBACK) continue
      for (const node of nodes) if (node.leg.segment === leg.segment) pair(node, node.leg, tor, leg)
    }
  }
  for (const { tors: ends, legs } of torLinks(tors)) pair(ends[0], legs[0], ends[1], legs[1])
  for (const { name } of nodes) {
    for (const near of cablesOf(topology, name)) {
      const far = cablesOf(topology, near.to).find(({ segment }) => segment === near.segment)!
      found.push({
        type: 'eBGP',
        ends: [
          { device: name, address: `${near.linkLocal}%${far.interface}` },
          { device: near.to, address: `${far.linkLocal}%${near.interface}` },
        ],
      })
    }
  }
  return found
}

/** What two devices can call each other by: one pair per family that both have. */
export function addressPairs(a: Leg, b: Leg): [string, string][] {
  const six: [string, string][] = a.six === undefined || b.six === undefined ? [] : [[a.six.address, b.six.address]]
  return [[a.address, b.address], ...six]
}

/** Pairs of ToRs with a segment in common, once each: they peer over the first such segment. */
export function torLinks(tors: readonly Tor[]): { tors: [Tor, Tor]; legs: [Leg, Leg] }[] {
  return pairs(tors).flatMap(([a, b]) => {
    for (const leg of a.legs) {
      if (leg.segment === LOOPBACK) continue
      const other = b.legs.find(({ segment }) => segment === leg.segment)
      if (other !== undefined) return [{ tors: [a, b] as [Tor, Tor], legs: [leg, other] as [Leg, Leg] }]
    }
    return []
  })
}

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, at) => items.slice(at + 1).map((b): [T, T] => [a, b]))
}
