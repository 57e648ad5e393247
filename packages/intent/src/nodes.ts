/**
 * The nodes of the cluster as peerings see them: addresses, AS, cluster id, labels; found by name, address or selector.
 *
 * Selections are remembered by selector text until a node changes: 200 BGPPeers over 5,000 nodes would otherwise cost a
 * million evaluations per plan.
 */
import { type Cidr, type Labels, matches, type NodeResource, parseSelector, type Selector } from '@starling/resources'

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

export class NodeIndex {
  readonly #byName = new Map<string, NodeView>()
  #sorted: readonly NodeView[] | undefined
  #byAddress: Map<string, NodeView> | undefined
  readonly #selected = new Map<string, readonly NodeView[]>()
  readonly #selectors = new Map<string, Selector | undefined>()

  put(node: NodeResource): void {
    const { bgp, wireguard } = node.spec
    this.#byName.set(node.metadata.name, {
      name: node.metadata.name,
      labels: node.metadata.labels,
      asNumber: bgp?.asNumber,
      ipv4: bgp?.ipv4Address?.family === 'ipv4' ? bgp.ipv4Address : undefined,
      ipv6: bgp?.ipv6Address?.family === 'ipv6' ? bgp.ipv6Address : undefined,
      clusterId: bgp?.routeReflectorClusterID,
      wireguardIPv4: wireguard?.interfaceIPv4Address,
      wireguardIPv6: wireguard?.interfaceIPv6Address,
    })
    this.#forget()
  }

  remove(name: string): void {
    this.#byName.delete(name)
    this.#forget()
  }

  #forget(): void {
    this.#sorted = undefined
    this.#byAddress = undefined
    this.#selected.clear()
  }

  get(name: string): NodeView | undefined {
    return this.#byName.get(name)
  }

  /** By name. */
  get all(): readonly NodeView[] {
    this.#sorted ??= [...this.#byName.keys()].sort().map((name) => this.#byName.get(name) as NodeView)
    return this.#sorted
  }

  /** The node that has this BGP address (canonical text); of several, the first by name. */
  withAddress(address: string): NodeView | undefined {
    if (this.#byAddress === undefined) {
      this.#byAddress = new Map()
      for (const node of this.all)
        for (const cidr of [node.ipv4, node.ipv6])
          if (cidr !== undefined && !this.#byAddress.has(cidr.address)) this.#byAddress.set(cidr.address, node)
    }
    return this.#byAddress.get(address)
  }

  /** Nodes a selector selects, by name. A selector that does not parse selects nothing. */
  selected(text: string): readonly NodeView[] {
    let nodes = this.#selected.get(text)
    if (nodes === undefined) {
      const selector = this.#selector(text)
      nodes = selector === undefined ? [] : this.all.filter((node) => matches(selector, node.labels))
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
    // Bounded: texts of deleted resources would pile up in a process that lives for months.
    if (this.#selectors.size >= 4096) this.#selectors.clear()
    this.#selectors.set(text, selector)
    return selector
  }
}
