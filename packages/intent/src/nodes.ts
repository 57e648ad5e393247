/**
 * The nodes of the cluster as peerings see them: addresses, AS, cluster id, labels; found by name, address, router id or
 * selector.
 *
 * Everything remembered here is kept up to date node by node: a cluster of 5,000 nodes changes one of them at a time, and
 * 200 BGPPeers over 5,000 nodes would otherwise cost a million evaluations of selectors per change. What is asked for is
 * made when it is first asked for; a view never changes, so that whoever holds one can tell by identity that its node is
 * the same.
 */
import { parseIPv4 } from '@starling/bgp-packet/address'
import { type Cidr, type Labels, matches, type NodeResource, parseSelector, type Selector } from '@starling/resources'
import { sha256, utf8 } from './sha256.js'

export interface NodeView {
  readonly name: string
  readonly labels: Labels
  readonly asNumber: number | undefined
  readonly ipv4: Cidr | undefined
  readonly ipv6: Cidr | undefined
  /** u32; present on route reflectors. */
  readonly clusterId: number | undefined
  readonly wireguardIPv4: string | undefined
  readonly wireguardIPv6: string | undefined
}

/** Selector texts remembered: texts of deleted resources would pile up in a process that lives for months. */
const SELECTIONS = 4096
/** More changes than this between two questions, and everything is made anew: a first listing, a resync. */
const STEPS = 64

interface Step {
  readonly before: NodeView | undefined
  readonly after: NodeView | undefined
}

export class NodeIndex {
  readonly #byName = new Map<string, NodeView>()
  /** What the lists below do not know yet. */
  #steps: Step[] = []
  #sorted: readonly NodeView[] | undefined
  readonly #byAddress = new Index<string>((node) =>
    [node.ipv4?.address, node.ipv6?.address].filter((address) => address !== undefined),
  )
  readonly #byRouterId = new Index<number>((node) => [this.routerIdOf(node, this.#hashing)])
  /** Whether nodes with an IPv4 address hash their names all the same. */
  #hashing = false
  readonly #selected = new Map<string, readonly NodeView[]>()
  readonly #selectors = new Map<string, Selector | undefined>()
  /** Of the names asked for: 20 microseconds each. */
  readonly #hashes = new Map<string, number>()

  put(node: NodeResource): void {
    const { bgp, wireguard } = node.spec
    const { name, labels } = node.metadata
    const after: NodeView = {
      name,
      labels,
      // AS 0 is none (RFC 7607): Go's writers cannot tell it from an absent one.
      asNumber: bgp?.asNumber === 0 ? undefined : bgp?.asNumber,
      ipv4: bgp?.ipv4Address?.family === 'ipv4' ? bgp.ipv4Address : undefined,
      ipv6: bgp?.ipv6Address?.family === 'ipv6' ? bgp.ipv6Address : undefined,
      clusterId: bgp?.routeReflectorClusterID,
      wireguardIPv4: wireguard?.interfaceIPv4Address,
      wireguardIPv6: wireguard?.interfaceIPv6Address,
    }
    this.#step({ before: this.#byName.get(name), after })
    this.#byName.set(name, after)
  }

  remove(name: string): void {
    const before = this.#byName.get(name)
    if (before === undefined) return
    this.#byName.delete(name)
    this.#step({ before, after: undefined })
  }

  #step(step: Step): void {
    if (this.#steps.length <= STEPS) this.#steps.push(step)
  }

  /** Every list that was ever asked for, node by node; or none of them any more. */
  #catchUp(): void {
    const steps = this.#steps
    if (steps.length === 0) return
    this.#steps = []
    if (steps.length > STEPS) {
      this.#sorted = undefined
      this.#byAddress.clear()
      this.#byRouterId.clear()
      this.#selected.clear()
      this.#hashes.clear()
      return
    }
    for (const { before, after } of steps) {
      if (this.#sorted !== undefined) this.#sorted = exchanged(this.#sorted, before, after)
      this.#byAddress.exchange(before, after)
      this.#byRouterId.exchange(before, after)
      if (before !== undefined && after === undefined) this.#hashes.delete(before.name)
      for (const [text, list] of this.#selected) {
        const was = before !== undefined && this.selects(text, before) ? before : undefined
        const is = after !== undefined && this.selects(text, after) ? after : undefined
        if (was !== undefined || is !== undefined) this.#selected.set(text, exchanged(list, was, is))
      }
    }
  }

  get(name: string): NodeView | undefined {
    return this.#byName.get(name)
  }

  /** By name. */
  get all(): readonly NodeView[] {
    this.#catchUp()
    this.#sorted ??= [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    return this.#sorted
  }

  /** The node that has this BGP address (canonical text); of several, the first by name. */
  withAddress(address: string): NodeView | undefined {
    return this.allWithAddress(address)[0]
  }

  /** By name. More than one is a fault of the cluster. */
  allWithAddress(address: string): readonly NodeView[] {
    this.#catchUp()
    return this.#byAddress.get(address, this.#byName.values())
  }

  /** The nodes that speak under a router id, by name; more than one is a fault. `hash`: CALICO_ROUTER_ID says so. */
  allWithRouterId(id: number, hash: boolean): readonly NodeView[] {
    this.#catchUp()
    if (hash !== this.#hashing) this.#byRouterId.clear()
    this.#hashing = hash
    return this.#byRouterId.get(id, this.#byName.values())
  }

  /** The IPv4 address, for IPv6 sessions too; without one, or where asked, a hash of the name (calico.md 2.2). */
  routerIdOf(node: Pick<NodeView, 'name' | 'ipv4'>, hash: boolean): number {
    const address = hash || node.ipv4 === undefined ? undefined : parseIPv4(node.ipv4.address)
    return address === undefined || address === 0 ? this.#hashOf(node.name) : address >>> 0
  }

  #hashOf(name: string): number {
    let id = this.#hashes.get(name)
    if (id === undefined) {
      id = hashedRouterId(name)
      this.#hashes.set(name, id)
    }
    return id
  }

  /** Nodes a selector selects, by name. A selector that does not parse selects nothing. */
  selected(text: string): readonly NodeView[] {
    this.#catchUp()
    let nodes = this.#selected.get(text)
    if (nodes === undefined) {
      const selector = this.#selector(text)
      nodes = selector === undefined ? [] : this.all.filter((node) => matches(selector, node.labels))
      if (this.#selected.size >= SELECTIONS) this.#selected.clear()
      this.#selected.set(text, nodes)
    }
    return nodes
  }

  selects(text: string, node: NodeView): boolean {
    const selector = this.#selector(text)
    return selector !== undefined && matches(selector, node.labels)
  }

  #selector(text: string): Selector | undefined {
    if (this.#selectors.has(text)) return this.#selectors.get(text)
    let selector: Selector | undefined
    try {
      selector = parseSelector(text)
    } catch {
      selector = undefined
    }
    if (this.#selectors.size >= SELECTIONS) this.#selectors.clear()
    this.#selectors.set(text, selector)
    return selector
  }
}

const NOBODY: readonly NodeView[] = []

/** Nodes by something they have, made at the first question and kept up from then on. */
class Index<K> {
  #nodes: Map<K, readonly NodeView[]> | undefined
  readonly #keysOf: (node: NodeView) => readonly K[]

  constructor(keysOf: (node: NodeView) => readonly K[]) {
    this.#keysOf = keysOf
  }

  get(key: K, all: Iterable<NodeView>): readonly NodeView[] {
    if (this.#nodes === undefined) {
      this.#nodes = new Map()
      for (const node of all) this.exchange(undefined, node)
    }
    return this.#nodes.get(key) ?? NOBODY
  }

  exchange(before: NodeView | undefined, after: NodeView | undefined): void {
    if (this.#nodes === undefined) return
    if (before !== undefined) for (const key of this.#keysOf(before)) this.#place(key, before, undefined)
    if (after !== undefined) for (const key of this.#keysOf(after)) this.#place(key, undefined, after)
  }

  clear(): void {
    this.#nodes = undefined
  }

  #place(key: K, before: NodeView | undefined, after: NodeView | undefined): void {
    const list = exchanged(this.#nodes?.get(key) ?? NOBODY, before, after)
    if (list.length === 0) this.#nodes?.delete(key)
    else this.#nodes?.set(key, list)
  }
}

/** A list in order of names with one node gone, come, or another. */
function exchanged(
  list: readonly NodeView[],
  before: NodeView | undefined,
  after: NodeView | undefined,
): readonly NodeView[] {
  const name = (before ?? after)?.name
  if (name === undefined) return list
  const at = lowerBound(list, name)
  const found = list[at]?.name === name
  const copy = list.slice()
  if (after === undefined) copy.splice(at, found ? 1 : 0)
  else copy.splice(at, found ? 1 : 0, after)
  return copy
}

function lowerBound(list: readonly NodeView[], name: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] as NodeView).name < name) low = middle + 1
    else high = middle
  }
  return low
}

/** First four octets of SHA-256(node name); a first octet above 223 is reduced by 32. Never 0 (RFC 6286). */
export function hashedRouterId(node: string): number {
  const digest = sha256(utf8(node))
  const first = digest[0] as number
  const octets = [first > 223 ? first - 32 : first, digest[1] as number, digest[2] as number, digest[3] as number]
  const id = octets.reduce((value, octet) => value * 256 + octet, 0)
  return id === 0 ? 1 : id
}
