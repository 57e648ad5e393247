/**
 * Dense indices of sessions for the tables. A slot belongs to one peer from its first Established to the end of what is
 * kept of it; after that it is free only when the tables have dropped its last row (hot-path.md rule 12), so that a new
 * session never inherits rows of an old one.
 */
import type { PeerSlot } from '../rib/contract.js'

interface Entry<Owner> {
  owner: Owner | undefined
  free: boolean
  name: string
}

export class Slots<Owner extends { readonly config: { readonly name: string } }> {
  readonly #entries: Entry<Owner>[] = []
  readonly #free: PeerSlot[] = []

  acquire(owner: Owner): PeerSlot {
    const slot = this.#free.pop() ?? this.#entries.length
    this.#entries[slot] = { owner, free: false, name: owner.config.name }
    return slot
  }

  /** The owner is done with it; the name stays for rows that are still being removed. */
  depart(slot: PeerSlot): void {
    const entry = this.#entries[slot]
    if (entry?.owner === undefined) return
    entry.name = entry.owner.config.name
    entry.owner = undefined
  }

  /** The tables hold nothing of it any more. Said about a slot in use, it means nothing: its session is simply empty. */
  freed(slot: PeerSlot): void {
    const entry = this.#entries[slot]
    if (entry === undefined || entry.owner !== undefined || entry.free) return
    entry.free = true
    this.#free.push(slot)
  }

  owner(slot: PeerSlot): Owner | undefined {
    return this.#entries[slot]?.owner
  }

  name(slot: PeerSlot): string {
    const entry = this.#entries[slot]
    return entry?.owner?.config.name ?? entry?.name ?? `slot ${slot}`
  }

  /** Slots not free: for the leak check at the end of simulated tests. */
  get used(): number {
    return this.#entries.length - this.#free.length
  }
}
