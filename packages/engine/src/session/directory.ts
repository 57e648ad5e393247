/**
 * Who may speak to us: peers by key and by address, and the ranges dynamic neighbours come from.
 *
 * An incoming connection is judged here before a byte of it is parsed: unknown sources are not worth a framer.
 */
import { formatAddress, parseAddress, splitZone } from '@starling/bgp-packet'
import { Prefix } from '@starling/inet'
import type { DynamicNeighbors, PeerConfig, PeerKey } from '../config/types.js'
import { peerKey } from '../config/types.js'
import type { Endpoints } from './connection.js'
import type { Peer } from './peer.js'

/** One spelling per address: RFC 5952 text, the zone kept. */
export function canonicalAddress(text: string): string {
  const [address, zone] = splitZone(text)
  const bytes = parseAddress(address)
  if (bytes === undefined) return text
  return zone === undefined ? formatAddress(bytes) : `${formatAddress(bytes)}%${zone}`
}

export interface Range {
  readonly config: DynamicNeighbors
  readonly prefix: Prefix | undefined
}

/** `10.0.0.12` as a part of BIRD's protocol names: `10_0_0_12`. */
function nameSuffix(address: string): string {
  return address.replace(/[^0-9a-zA-Z]/g, '_')
}

type Writable = { -readonly [Field in keyof PeerConfig]: PeerConfig[Field] }

/** A whole configuration for each range: to copy one costs a hundredth of adding fields to its template. */
const moulds = new WeakMap<DynamicNeighbors, PeerConfig>()

function mouldOf(range: DynamicNeighbors): PeerConfig {
  const known = moulds.get(range)
  if (known !== undefined) return known
  const own = {
    key: peerKey(''),
    name: '',
    kind: 'dynamic',
    remoteAddress: '',
    remotePort: 179,
    passive: true,
  } as const
  const mould: PeerConfig = { ...range.template, ...own }
  moulds.set(range, mould)
  return mould
}

export function dynamicPeerConfig(range: DynamicNeighbors, address: string): PeerConfig {
  const config: Writable = { ...mouldOf(range) }
  config.key = peerKey(address)
  config.name = `Dynamic_${nameSuffix(address)}`
  config.remoteAddress = address
  return config
}

export class Directory {
  readonly peers = new Map<PeerKey, Peer>()
  readonly #byAddress = new Map<string, Peer[]>()
  #ranges: readonly Range[] = []
  /** How many dynamic peers each range has, by its text: counting them anew for each of a thousand newcomers is a million. */
  readonly #population = new Map<string, number>()

  setRanges(ranges: readonly DynamicNeighbors[]): void {
    // Stable: equals keep their order.
    this.#ranges = ranges
      .map((config) => ({ config, prefix: Prefix.parse(config.range) }))
      .sort((a, b) => (b.prefix?.length ?? 0) - (a.prefix?.length ?? 0))
  }

  #populate(peer: Peer, change: number): void {
    const range = peer.config.kind === 'dynamic' ? this.range(peer.config.remoteAddress)?.range : undefined
    if (range !== undefined) this.#population.set(range, (this.#population.get(range) ?? 0) + change)
  }

  /** After ranges changed, or peers became configured ones: who lives where now. */
  recount(): void {
    this.#population.clear()
    for (const peer of this.peers.values()) this.#populate(peer, 1)
  }

  add(peer: Peer): void {
    this.peers.set(peer.key, peer)
    this.#populate(peer, 1)
    const address = canonicalAddress(peer.config.remoteAddress)
    const list = this.#byAddress.get(address)
    if (list === undefined) this.#byAddress.set(address, [peer])
    else list.push(peer)
  }

  remove(peer: Peer): void {
    this.peers.delete(peer.key)
    this.#populate(peer, -1)
    const address = canonicalAddress(peer.config.remoteAddress)
    const rest = (this.#byAddress.get(address) ?? []).filter((each) => each !== peer)
    if (rest.length === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, rest)
  }

  /** An unnumbered peer was found, or lost: connections from its address of before are no longer for it. */
  move(peer: Peer, config: PeerConfig): void {
    this.remove(peer)
    peer.config = config
    this.add(peer)
  }

  /** The configured or already known dynamic peer a connection is for; text = why it cannot be. */
  find(endpoints: Endpoints): Peer | string | undefined {
    const candidates = this.#byAddress.get(canonicalAddress(endpoints.remoteAddress))
    if (candidates === undefined) return undefined
    const local = canonicalAddress(endpoints.localAddress)
    const wants = (peer: Peer) => peer.config.localAddress
    const exact = candidates.find((peer) => wants(peer) !== undefined && canonicalAddress(wants(peer) ?? '') === local)
    const found = exact ?? candidates.find((peer) => wants(peer) === undefined)
    return found ?? `it came to ${local}, but this peer is configured with local address ${wants(candidates[0])}`
  }

  /** Any peer with this address. */
  at(remoteAddress: string): Peer | undefined {
    return this.#byAddress.get(canonicalAddress(remoteAddress))?.[0]
  }

  /** The longest range the address lies in, as the kernel chooses among passwords of ranges; the first of equals. */
  range(address: string): DynamicNeighbors | undefined {
    const [text] = splitZone(address)
    const bytes = parseAddress(text)
    if (bytes === undefined) return undefined
    return this.#ranges.find(({ prefix }) => prefix?.bytes.length === bytes.length && prefix.containsAddress(bytes))
      ?.config
  }

  dynamicCount(range: DynamicNeighbors): number {
    return this.#population.get(range.range) ?? 0
  }
}
