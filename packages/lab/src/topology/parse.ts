/**
 * A file of topology/ to a {@link Topology}: fields checked with file, line and reason, names unique and known, addresses
 * handed out in file order where none is given (ToRs from .1, reflectors from .10, nodes from .11, or the first free ones
 * in small subnets). The format is described in topology/README.md.
 */
import { readFileSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { canonical, contains, familyOf, hostAddress, overlaps, parseSubnet } from './addresses.js'
import {
  type ClusterNode,
  DAEMONS,
  type Leg,
  LOOPBACK,
  type Pool,
  type Reflector,
  type Segment,
  type Topology,
  type Tor,
} from './types.js'
import {
  boolean,
  integer,
  labels,
  list,
  map,
  oneOf,
  optional,
  type Place,
  type Read,
  readYaml,
  required,
  text,
} from './yaml.js'

/** Interface names are at most 15 bytes; the longest the lab makes of a name is `port-NAME`. */
const NAME = text('a name of at most 10 lower-case letters, digits and dashes', (value) =>
  /^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/.test(value),
)
const subnetOf = (family: 4 | 6, example: string) =>
  text(
    `an IPv${family} subnet such as ${example}`,
    (value) => parseSubnet(value) !== undefined && familyOf(value) === family,
  )
const SUBNET = subnetOf(4, '10.0.1.0/24')
const SUBNET6 = subnetOf(6, 'fd00:1::/64')
const CIDR = text('a subnet such as 10.244.0.0/16 or fd00:244::/48', (value) => parseSubnet(value) !== undefined)
const ADDRESS = text('an IPv4 address', isIPv4)
const ADDRESS6_TEXT = text('an IPv6 address', isIPv6)
/** In the one spelling that daemons and tables use (RFC 5952). */
const ADDRESS6: Read<string> = (node, place) => canonical(ADDRESS6_TEXT(node, place))
const AS = integer(1, 4294967294)
const DAEMON = oneOf(...DAEMONS)
/** Those that write kernel routes: without them pods are not reached. */
const ROUTER = oneOf('starling', 'bird', 'frr')
const FIRST_HOST = { tor: 1, reflector: 10, node: 11 } as const
/** What Calico takes, and what it does without being told (calico.md 1.7). */
const BLOCK_SIZES = { 4: { least: 20, most: 32, usual: 26 }, 6: { least: 116, most: 128, usual: 122 } } as const
const POOL4 = { cidr: '10.244.0.0/16', blockSize: BLOCK_SIZES[4].usual }
const POOL6 = { cidr: 'fd00:10:244::/112', blockSize: BLOCK_SIZES[6].usual }

const FILE = map({
  name: required(NAME),
  description: optional(text('text'), ''),
  as: optional(AS, 64512),
  mesh: optional(boolean, undefined),
  datastore: optional(oneOf('embedded', 'etcd'), 'embedded'),
  pools: optional(list(map({ cidr: required(CIDR), blockSize: optional(integer(20, 128), undefined) })), undefined),
  racks: optional(
    list(map({ name: required(NAME), subnet: required(SUBNET), subnet6: optional(SUBNET6, undefined) })),
    [],
  ),
  loopbacks: optional(SUBNET, undefined),
  loopbacks6: optional(SUBNET6, undefined),
  links: optional(
    list(map({ between: required(list(NAME)), subnet: required(SUBNET), subnet6: optional(SUBNET6, undefined) })),
    [],
  ),
  tors: optional(
    list(
      map({
        name: required(NAME),
        as: required(AS),
        racks: optional(list(NAME), []),
        address: optional(ADDRESS, undefined),
        address6: optional(ADDRESS6, undefined),
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
        address6: optional(ADDRESS6, undefined),
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
        rack: optional(NAME, undefined),
        uplinks: optional(list(NAME), []),
        address: optional(ADDRESS, undefined),
        address6: optional(ADDRESS6, undefined),
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
  for (const { place, ...rack } of raw.racks) segments.add(rack, place)
  if (raw.loopbacks !== undefined)
    segments.add({ name: LOOPBACK, subnet: raw.loopbacks, subnet6: raw.loopbacks6 }, raw.place)
  const torRacks = new Map(raw.tors.map(({ name, racks }) => [name, [...racks]]))
  for (const { between, place, subnet, subnet6 } of raw.links) {
    if (between.length !== 2) place.fail('a link is between two ToRs')
    const name = between.join('-').slice(0, 10)
    segments.add({ name, subnet, subnet6 }, place)
    for (const end of between) (torRacks.get(end) ?? place.fail(`no ToR is named "${end}"`)).push(name)
  }
  const names = new Set<string>()
  const unique = (name: string, place: Place) => {
    if (names.has(name)) place.fail(`two devices are named "${name}"`)
    names.add(name)
  }

  // Given addresses first, so that none of them is handed out to another.
  const given = [
    ...raw.tors.map((tor) => ({ ...tor, rack: torRacks.get(tor.name)?.[0] ?? LOOPBACK })),
    ...raw.reflectors,
    ...raw.nodes.map((node) => ({ ...node, rack: node.rack ?? LOOPBACK })),
  ]
  for (const { rack, address, address6, place } of given) {
    for (const each of [address, address6]) if (each !== undefined) segments.reserve(rack, each, place)
  }
  const tors = raw.tors.map(({ name, as, daemon, address, address6, place }): Tor => {
    unique(name, place)
    const racks = [...(torRacks.get(name) ?? [])]
    const cabled = raw.nodes.some(({ uplinks }) => uplinks.includes(name))
    if (racks.length === 0 && !cabled) place.fail(`ToR "${name}" is in no rack`)
    if (racks.length === 0) racks.push(LOOPBACK)
    if (racks.length > 1 && (daemon === 'gobgp' || daemon === 'openbgpd'))
      place.fail(`${daemon} writes no kernel routes: a ToR of several racks would not forward`)
    const legs = racks.map((rack, at) =>
      segments.leg(rack, FIRST_HOST.tor, place, at === 0 ? { address, address6 } : {}),
    )
    return { name, asNumber: as, daemon, legs }
  })
  const reflectors = raw.reflectors.map(({ name, rack, clusterId, daemon, place, ...own }, at): Reflector => {
    unique(name, place)
    const leg = segments.leg(rack, FIRST_HOST.reflector, place, own)
    return { name, asNumber: raw.as, daemon, leg, clusterId: clusterId ?? `244.0.0.${at + 1}` }
  })
  const nodes = raw.nodes.map(({ name, rack, uplinks, as, pods, daemon, labels, place, ...own }): ClusterNode => {
    unique(name, place)
    if ((rack === undefined) === (uplinks.length === 0))
      place.fail(`node "${name}" needs a rack, or uplinks to ToRs: one of the two`)
    const leg = segments.leg(rack ?? LOOPBACK, FIRST_HOST.node, place, own)
    // Nodes with as many uplinks have the same interfaces: one resource is for all of them.
    const where: Record<string, string> = rack === undefined ? { uplinks: String(uplinks.length) } : { rack }
    return { name, asNumber: as ?? raw.as, daemon, leg, pods, labels: { ...where, ...labels }, uplinks }
  })
  if (nodes.length === 0) raw.place.fail('a topology needs at least one node')
  for (const { place, ...node } of raw.nodes) {
    checkUplinks(node, tors, nodes, place)
    if (node.uplinks.length > 0 && (raw.mesh === true || reflectors.length > 0))
      place.fail(`the address of "${node.name}" is in nobody's routes: no mesh and no reflectors beside uplinks`)
  }
  const dual = segments.all().some(({ subnet6 }) => subnet6 !== undefined)
  const pools =
    raw.pools === undefined
      ? [POOL4, ...(dual ? [POOL6] : [])]
      : checkedPools(raw.pools, segments, nodes.filter(({ pods }) => pods > 0).length)
  if (pools.some(({ cidr }) => familyOf(cidr) === 6)) {
    const without = raw.racks.find(({ subnet6 }) => subnet6 === undefined)
    without?.place.fail(`rack "${without.name}" has no subnet6, and there is an IPv6 pool`)
  }
  return {
    name: raw.name,
    description: raw.description,
    asNumber: raw.as,
    mesh: raw.mesh ?? (reflectors.length === 0 && nodes.every(({ uplinks }) => uplinks.length === 0)),
    datastore: raw.datastore,
    pools,
    segments: segments.all().filter(({ name }) => name !== LOOPBACK),
    tors,
    reflectors,
    nodes,
  }
}

/** A loop refused by AS_PATH, or two cables that nobody can tell apart, would show as a lab that never converges. */
function checkUplinks(
  { name, uplinks }: { readonly name: string; readonly uplinks: readonly string[] },
  tors: readonly Tor[],
  nodes: readonly ClusterNode[],
  place: Place,
): void {
  for (const uplink of uplinks) {
    if (!tors.some((tor) => tor.name === uplink)) place.fail(`no ToR is named "${uplink}"`)
  }
  if (new Set(uplinks).size < uplinks.length) place.fail(`node "${name}" has two uplinks to one ToR`)
  const own = nodes.find((node) => node.name === name)
  const twin = nodes.find((node) => node.name !== name && node.asNumber === own?.asNumber)
  if (uplinks.length > 0 && twin !== undefined)
    place.fail(`"${name}" and "${twin.name}" are both AS ${twin.asNumber}: each refuses the other's routes as a loop`)
}

interface RawPool {
  readonly cidr: string
  readonly blockSize: number | undefined
  readonly place: Place
}

/** A pool that cannot serve the nodes, or that lies over a rack, would show as a lab that never converges. */
function checkedPools(raw: readonly RawPool[], segments: Segments, claimants: number): Pool[] {
  const blocks = { 4: 0, 6: 0 }
  const before: { cidr: string }[] = []
  const pools = raw.map(({ cidr, blockSize, place }) => {
    const family = familyOf(cidr)
    const { least, most, usual } = BLOCK_SIZES[family]
    const size = blockSize ?? usual
    const { length } = parseSubnet(cidr)!
    if (size < least || size > most)
      place.fail(`blocks of an IPv${family} pool are /${least} to /${most}, not /${size}`)
    if (size < length) place.fail(`a block of /${size} does not fit into ${cidr}`)
    segments.refuseOverlap(cidr, place)
    const other = before.find((each) => overlaps(parseSubnet(each.cidr)!, parseSubnet(cidr)!))
    if (other !== undefined) place.fail(`${cidr} overlaps the pool ${other.cidr}`)
    before.push({ cidr })
    blocks[family] += 2 ** (size - length)
    return { cidr, blockSize: size }
  })
  for (const family of [4, 6] as const) {
    const last = raw.findLast(({ cidr }) => familyOf(cidr) === family)
    if (last !== undefined && blocks[family] < claimants)
      last.place.fail(`${claimants} nodes with pods, and IPv${family} pools of ${blocks[family]} blocks`)
  }
  if (raw.length > 0 && blocks[4] === 0) raw[0]!.place.fail('one pool at least must be an IPv4 one')
  return pools
}

type Given = { readonly address?: string | undefined; readonly address6?: string | undefined }

/** The segments with the addresses taken in each. */
class Segments {
  readonly #known = new Map<string, { segment: Segment; taken: Set<string> }>()

  add({ name, subnet, subnet6 }: { name: string; subnet: string; subnet6: string | undefined }, place: Place): void {
    if (this.#known.has(name)) place.fail(`two racks are named "${name}"`)
    for (const each of [subnet, subnet6]) if (each !== undefined) this.refuseOverlap(each, place)
    const segment = { name, subnet, ...(subnet6 === undefined ? {} : { subnet6 }) }
    this.#known.set(name, { segment, taken: new Set() })
  }

  refuseOverlap(subnet: string, place: Place): void {
    for (const { segment } of this.#known.values()) {
      for (const other of subnetsOf(segment)) {
        if (overlaps(parseSubnet(other)!, parseSubnet(subnet)!))
          place.fail(`subnet ${subnet} overlaps ${other} of "${segment.name}"`)
      }
    }
  }

  reserve(name: string, address: string, place: Place): void {
    const { segment, taken } = this.#find(name, place)
    const subnet = familyOf(address) === 4 ? segment.subnet : segment.subnet6
    if (subnet === undefined) place.fail(`rack "${name}" has no subnet6 for ${address}`)
    else if (!contains(parseSubnet(subnet)!, address)) place.fail(`${address} is outside ${subnet}`)
    if (taken.has(address)) place.fail(`${address} is taken`)
    taken.add(address)
  }

  leg(name: string, first: number, place: Place, { address, address6 }: Given): Leg {
    const { segment } = this.#find(name, place)
    const { subnet, subnet6 } = segment
    const four = this.#take(name, subnet, first, place, address)
    const six = subnet6 === undefined ? undefined : this.#take(name, subnet6, first, place, address6)
    // Nobody else is on a loopback interface.
    const alone = name === LOOPBACK
    return {
      segment: name,
      ...four,
      ...(alone ? { length: 32 } : {}),
      ...(six === undefined ? {} : { six: alone ? { ...six, length: 128 } : six }),
    }
  }

  #take(name: string, cidr: string, first: number, place: Place, reserved: string | undefined) {
    const { taken } = this.#find(name, place)
    const subnet = parseSubnet(cidr)!
    const { length } = subnet
    if (reserved !== undefined) return { address: reserved, length }
    const size = 2 ** ((familyOf(cidr) === 4 ? 32 : 128) - length)
    // The last address is the broadcast address, except in point-to-point subnets (RFC 3021, RFC 6164).
    const end = size > 2 ? size - 1 : size
    const begin = size > 2 ? 1 : 0
    for (const start of [Math.min(first, end), begin]) {
      for (let host = start; host < end; host++) {
        const address = hostAddress(subnet, host)
        if (address === undefined || taken.has(address)) continue
        taken.add(address)
        return { address, length }
      }
    }
    return place.fail(`${cidr} has no address left`)
  }

  all(): Segment[] {
    return [...this.#known.values()].map(({ segment }) => segment)
  }

  #find(name: string, place: Place) {
    const found = this.#known.get(name)
    if (found !== undefined) return found
    return place.fail(name === LOOPBACK ? 'uplinks need loopbacks: a subnet' : `no rack is named "${name}"`)
  }
}

const subnetsOf = ({ subnet, subnet6 }: Segment): string[] => (subnet6 === undefined ? [subnet] : [subnet, subnet6])
