/**
 * A file of topology/ to a {@link Topology}: fields checked with file, line and reason, names unique and known, addresses
 * handed out in file order where none is given (ToRs from .1, reflectors from .10, nodes from .11, or the first free ones
 * in small subnets). The format is described in topology/README.md.
 */
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { contains, hostAddress, overlaps, parseSubnet } from './addresses.js'
import { type ClusterNode, DAEMONS, type Leg, type Reflector, type Segment, type Topology, type Tor } from './types.js'
import { boolean, integer, labels, list, map, oneOf, optional, type Place, readYaml, required, text } from './yaml.js'

/** Interface names are at most 15 bytes; the longest the lab makes of a name is `port-NAME`. */
const NAME = text('a name of at most 10 lower-case letters, digits and dashes', (value) =>
  /^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/.test(value),
)
const SUBNET = text('an IPv4 subnet such as 10.0.1.0/24', (value) => parseSubnet(value) !== undefined)
const ADDRESS = text('an IPv4 address', isIPv4)
const AS = integer(1, 4294967294)
const DAEMON = oneOf(...DAEMONS)
/** Those that write kernel routes: without them pods are not reached. */
const ROUTER = oneOf('starling', 'bird', 'frr')
const FIRST_HOST = { tor: 1, reflector: 10, node: 11 } as const

const FILE = map({
  name: required(NAME),
  description: optional(text('text'), ''),
  as: optional(AS, 64512),
  mesh: optional(boolean, undefined),
  datastore: optional(oneOf('embedded', 'etcd'), 'embedded'),
  pools: optional(list(map({ cidr: required(SUBNET), blockSize: optional(integer(20, 32), 26) })), undefined),
  racks: required(list(map({ name: required(NAME), subnet: required(SUBNET) }))),
  links: optional(list(map({ between: required(list(NAME)), subnet: required(SUBNET) })), []),
  tors: optional(
    list(
      map({
        name: required(NAME),
        as: required(AS),
        racks: optional(list(NAME), []),
        address: optional(ADDRESS, undefined),
        daemon: optional(DAEMON, 'starling'),
      }),
    ),
    [],
  ),
  reflectors: optional(
    list(
      map({
        name: required(NAME),
        rack: required(NAME),
        address: optional(ADDRESS, undefined),
        clusterId: optional(ADDRESS, undefined),
        daemon: optional(DAEMON, 'starling'),
      }),
    ),
    [],
  ),
  nodes: required(
    list(
      map({
        name: required(NAME),
        rack: required(NAME),
        address: optional(ADDRESS, undefined),
        as: optional(AS, undefined),
        pods: optional(integer(0, 8), 1),
        daemon: optional(ROUTER, 'starling'),
        labels: optional(labels, {}),
      }),
    ),
  ),
})

export function loadTopology(file: string): Topology {
  return parseTopology(file, readFileSync(file, 'utf8'))
}

export function parseTopology(file: string, source: string): Topology {
  const raw = readYaml(file, source, FILE)
  const segments = new Segments()
  for (const { name, subnet, place } of raw.racks) segments.add(name, subnet, place)
  const torRacks = new Map(raw.tors.map(({ name, racks }) => [name, [...racks]]))
  for (const { between, subnet, place } of raw.links) {
    if (between.length !== 2) place.fail('a link is between two ToRs')
    const name = between.join('-').slice(0, 10)
    segments.add(name, subnet, place)
    for (const end of between) (torRacks.get(end) ?? place.fail(`no ToR is named "${end}"`)).push(name)
  }
  const names = new Set<string>()
  const unique = (name: string, place: Place) => {
    if (names.has(name)) place.fail(`two devices are named "${name}"`)
    names.add(name)
  }

  // Given addresses first, so that none of them is handed out to another.
  for (const { name, address, place } of raw.tors) {
    if (address !== undefined) segments.reserve(torRacks.get(name)?.[0] ?? '', address, place)
  }
  for (const { rack, address, place } of [...raw.reflectors, ...raw.nodes]) {
    if (address !== undefined) segments.reserve(rack, address, place)
  }
  const tors = raw.tors.map(({ name, as, daemon, address, place }): Tor => {
    unique(name, place)
    const racks = torRacks.get(name) ?? []
    if (racks.length === 0) place.fail(`ToR "${name}" is in no rack`)
    if (racks.length > 1 && (daemon === 'gobgp' || daemon === 'openbgpd'))
      place.fail(`${daemon} writes no kernel routes: a ToR of several racks would not forward`)
    const legs = racks.map((rack, at) => segments.leg(rack, FIRST_HOST.tor, place, at === 0 ? address : undefined))
    return { name, asNumber: as, daemon, legs }
  })
  const reflectors = raw.reflectors.map(({ name, rack, address, clusterId, daemon, place }, at): Reflector => {
    unique(name, place)
    const leg = segments.leg(rack, FIRST_HOST.reflector, place, address)
    return { name, asNumber: raw.as, daemon, leg, clusterId: clusterId ?? `244.0.0.${at + 1}` }
  })
  const nodes = raw.nodes.map(({ name, rack, address, as, pods, daemon, labels, place }): ClusterNode => {
    unique(name, place)
    const leg = segments.leg(rack, FIRST_HOST.node, place, address)
    return { name, asNumber: as ?? raw.as, daemon, leg, pods, labels: { rack, ...labels } }
  })
  if (nodes.length === 0) raw.place.fail('a topology needs at least one node')
  return {
    name: raw.name,
    description: raw.description,
    asNumber: raw.as,
    mesh: raw.mesh ?? reflectors.length === 0,
    datastore: raw.datastore,
    pools: (raw.pools ?? [{ cidr: '10.244.0.0/16', blockSize: 26 }]).map(({ cidr, blockSize }) => ({
      cidr,
      blockSize,
    })),
    segments: segments.all(),
    tors,
    reflectors,
    nodes,
  }
}

/** The segments with the addresses taken in each. */
class Segments {
  readonly #known = new Map<string, { segment: Segment; taken: Set<string> }>()

  add(name: string, subnet: string, place: Place): void {
    if (this.#known.has(name)) place.fail(`two racks are named "${name}"`)
    for (const { segment } of this.#known.values()) {
      if (overlaps(parseSubnet(segment.subnet)!, parseSubnet(subnet)!)) {
        place.fail(`subnet ${subnet} overlaps ${segment.subnet} of "${segment.name}"`)
      }
    }
    this.#known.set(name, { segment: { name, subnet }, taken: new Set() })
  }

  reserve(name: string, address: string, place: Place): void {
    const { segment, taken } = this.#find(name, place)
    if (!contains(parseSubnet(segment.subnet)!, address)) place.fail(`${address} is outside ${segment.subnet}`)
    if (taken.has(address)) place.fail(`${address} is taken`)
    taken.add(address)
  }

  leg(name: string, first: number, place: Place, reserved?: string): Leg {
    const { segment, taken } = this.#find(name, place)
    const subnet = parseSubnet(segment.subnet)!
    if (reserved !== undefined) return { segment: name, address: reserved, length: subnet.length }
    const size = 2 ** (32 - subnet.length)
    // The last address is the broadcast address, except in point-to-point subnets (RFC 3021).
    const end = size > 2 ? size - 1 : size
    const begin = size > 2 ? 1 : 0
    for (const start of [Math.min(first, end), begin]) {
      for (let host = start; host < end; host++) {
        const address = hostAddress(subnet, host)
        if (address === undefined || taken.has(address)) continue
        taken.add(address)
        return { segment: name, address, length: subnet.length }
      }
    }
    return place.fail(`${segment.subnet} has no address left`)
  }

  all(): Segment[] {
    return [...this.#known.values()].map(({ segment }) => segment)
  }

  #find(name: string, place: Place) {
    return this.#known.get(name) ?? place.fail(`no rack is named "${name}"`)
  }
}
