/**
 * Next hops as numbers: their octets, and what the world says about reaching them.
 *
 * A next hop is 4, 16 or 32 octets (global and link-local, RFC 2545 section 3) and, for link-local ones, the zone of the
 * session they came over. Tracking is asked for lazily, when the decision first looks, and ends with the last attribute
 * set that names the next hop; next hops of our own exports are never asked for. Id 0 is "none": local routes.
 */
import { formatAddress } from '@starling/bgp-packet'
import { growU8, growU32, isLinkLocal, nextCapacity } from '@starling/inet'
import type { NextHopView, Sink } from '../sink.js'
import { hashBytes, hashNumber } from './hash.js'

const UNKNOWN = 0
const ASKED = 1
const REACHABLE = 2

interface NextHop {
  readonly bytes: Uint8Array
  readonly zone: string
  readonly hash: number
  /** As the kernel's view wants it, made once. */
  readonly weighted: NextHopView
}

interface Tracked {
  reachable: boolean
  metric: number
  /** Where packets to it leave; unknown where nobody told. */
  device: string | undefined
  users: number
}

const NO_BYTES = new Uint8Array(0)
const NONE: NextHop = { bytes: NO_BYTES, zone: '', hash: 0, weighted: { address: NO_BYTES, weight: 1 } }

export class NextHops {
  /** `assumed`: everything is reachable and nothing is asked (a reflector without a kernel). */
  assumed = true
  metrics = new Uint32Array(64)
  #states = new Uint8Array(64)
  #refs = new Uint32Array(64)
  #chain = new Uint32Array(64)
  readonly #entries: NextHop[] = [NONE]
  readonly #devices: (string | undefined)[] = [undefined]
  readonly #buckets = new Map<number, number>()
  readonly #tracked = new Map<string, Tracked>()
  readonly #free: number[] = []
  /** A table has few next hops, and often one. */
  #last = 0
  readonly #seed: number
  readonly #sink: Sink

  constructor(seed: number, sink: Sink) {
    this.#seed = seed
    this.#sink = sink
  }

  get size(): number {
    return this.#entries.length - 1 - this.#free.length
  }

  bytes(id: number): Uint8Array {
    return this.#entries[id].bytes
  }

  /** The id, made when it is new (without a reference). */
  intern(buffer: Uint8Array, start: number, end: number, zone = ''): number {
    if (this.#same(this.#entries[this.#last], buffer, start, end, zone)) return this.#last
    this.#last = this.#find(buffer, start, end, zone)
    return this.#last
  }

  #find(buffer: Uint8Array, start: number, end: number, zone: string): number {
    let hash = hashBytes(this.#seed, buffer, start, end)
    for (let i = 0; i < zone.length; i++) hash = hashNumber(hash, zone.charCodeAt(i))
    for (let id = this.#buckets.get(hash) ?? 0; id !== 0; id = this.#chain[id]) {
      if (this.#same(this.#entries[id], buffer, start, end, zone)) return id
    }
    const id = this.#free.pop() ?? this.#entries.length
    this.#grow(id)
    const bytes = buffer.slice(start, end)
    const address = forwardingPart(bytes, zone)
    const device = zone !== '' && isLinkLocal(address) ? { device: zone } : undefined
    this.#entries[id] = { bytes, zone, hash, weighted: { address, ...device, weight: 1 } }
    this.#chain[id] = this.#buckets.get(hash) ?? 0
    this.#buckets.set(hash, id)
    this.#states[id] = UNKNOWN
    this.#devices[id] = undefined
    this.#refs[id] = 0
    this.metrics[id] = 0
    return id
  }

  retain(id: number): void {
    this.#refs[id]++
  }

  release(id: number): void {
    if (id === 0) return
    if (this.#refs[id] > 0) this.#refs[id]--
    this.dropIfUnused(id)
  }

  dropIfUnused(id: number): void {
    if (id === 0 || this.#refs[id] > 0 || this.#entries[id] === NONE) return
    const entry = this.#entries[id]
    if (this.#states[id] !== UNKNOWN) this.#untrack(trackedText(entry))
    let at = this.#buckets.get(entry.hash) ?? 0
    if (at === id) {
      if (this.#chain[id] === 0) this.#buckets.delete(entry.hash)
      else this.#buckets.set(entry.hash, this.#chain[id])
    } else {
      while (this.#chain[at] !== id) at = this.#chain[at]
      this.#chain[at] = this.#chain[id]
    }
    this.#entries[id] = NONE
    this.#states[id] = UNKNOWN
    this.#free.push(id)
  }

  /** Asks the world when it is the first to look. */
  reachable(id: number): boolean {
    if (this.assumed || id === 0) return true
    const state = this.#states[id]
    if (state !== UNKNOWN) return state === REACHABLE
    const text = trackedText(this.#entries[id])
    const known = this.#tracked.get(text)
    if (known !== undefined) {
      known.users++
      this.metrics[id] = known.metric
      this.#devices[id] = known.device
      this.#states[id] = known.reachable ? REACHABLE : ASKED
      return known.reachable
    }
    this.#tracked.set(text, { reachable: false, metric: 0, device: undefined, users: 1 })
    this.#states[id] = ASKED
    this.#sink.trackNextHop(text)
    return false
  }

  /** IGP cost; 0 where nobody told. */
  metric(id: number): number {
    return this.metrics[id]
  }

  /** The outgoing interface, for policy: that of the session for a link-local next hop. Asks when it is the first to look. */
  device(id: number): string | undefined {
    const { device } = this.#entries[id].weighted
    if (device !== undefined || this.assumed || id === 0) return device
    if (this.#states[id] === UNKNOWN) this.reachable(id)
    return this.#devices[id]
  }

  /** News from the world; returns the ids whose standing changed. */
  changed(text: string, reachable: boolean, metric: number, device: string | undefined): number[] {
    const known = this.#tracked.get(text)
    if (known === undefined) return []
    if (known.reachable === reachable && known.metric === metric && known.device === device) return []
    known.reachable = reachable
    known.metric = metric
    known.device = device
    const ids: number[] = []
    for (let id = 1; id < this.#entries.length; id++) {
      if (this.#states[id] === UNKNOWN || trackedText(this.#entries[id]) !== text) continue
      this.#states[id] = reachable ? REACHABLE : ASKED
      this.metrics[id] = metric
      this.#devices[id] = device
      ids.push(id)
    }
    return ids
  }

  /** Text for people: the address used for forwarding, with its zone. */
  text(id: number): string | undefined {
    return id === 0 ? undefined : trackedText(this.#entries[id])
  }

  /** 4 or 16 octets used for forwarding, with weight 1. */
  weighted(id: number): NextHopView {
    return this.#entries[id].weighted
  }

  refs(id: number): number {
    return this.#refs[id]
  }

  #untrack(text: string): void {
    const known = this.#tracked.get(text)
    if (known === undefined) return
    known.users--
    if (known.users > 0) return
    this.#tracked.delete(text)
    this.#sink.untrackNextHop(text)
  }

  #same(entry: NextHop, buffer: Uint8Array, start: number, end: number, zone: string): boolean {
    const { bytes } = entry
    if (bytes.length !== end - start || entry.zone !== zone) return false
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== buffer[start + i]) return false
    return true
  }

  #grow(id: number): void {
    if (id < this.#refs.length) return
    const capacity = nextCapacity(id + 1)
    this.metrics = growU32(this.metrics, capacity)
    this.#states = growU8(this.#states, capacity)
    this.#refs = growU32(this.#refs, capacity)
    this.#chain = growU32(this.#chain, capacity)
  }
}

/** Of the two addresses of RFC 2545 the first is a global one; unnumbered peers put `::` or the link-local one there, too. */
export function hasGlobal(bytes: Uint8Array, at = 0): boolean {
  if (isLinkLocal(bytes, at)) return false
  for (let i = at; i < at + 16; i++) if (bytes[i] !== 0) return true
  return false
}

/**
 * The global address resolves anywhere, the link-local one on its link only: it counts where there is no other, and
 * where the link is known (a zone), because then it needs no route to be resolved by: on unnumbered links there is none.
 */
function forwardingPart(bytes: Uint8Array, zone: string): Uint8Array {
  if (bytes.length !== 32) return bytes
  if (zone !== '' || !hasGlobal(bytes)) return bytes.subarray(16)
  return bytes.subarray(0, 16)
}

function trackedText(entry: NextHop): string {
  const bytes = entry.weighted.address
  const text = formatAddress(bytes)
  return isLinkLocal(bytes) && entry.zone !== '' ? `${text}%${entry.zone}` : text
}
