/**
 * Interfaces and their link-local addresses as the kernel tells them: messages of rtnetlink in, {@link LinkState} by name
 * out. Keyed by index inside, because names change and come again.
 */

import { formatAddress } from '@starling/bgp-packet'
import { isLinkLocal } from '@starling/inet'
import { type AddressMessage, AF_INET6, IFF, type LinkMessage } from '@starling/netlink'
import type { LinkState } from '../discovery/finder.js'

/** linux/if_addr.h: an address that still looks for duplicates may only be used where it is an optimistic one. */
const IFA_F_OPTIMISTIC = 0x04
const IFA_F_DADFAILED = 0x08
const IFA_F_TENTATIVE = 0x40

interface Entry {
  readonly name: string
  readonly up: boolean
  readonly running: boolean
  readonly linkAddress: Uint8Array | undefined
}

export class LinkTable {
  readonly #links = new Map<number, Entry>()
  /** Usable link-local addresses by interface, in the order they came. */
  readonly #addresses = new Map<number, string[]>()

  clear(): void {
    this.#links.clear()
    this.#addresses.clear()
  }

  link(message: LinkMessage, removed: boolean): void {
    const { index, name, flags, address } = message
    // Bridges announce their ports a second time, under a family of their own.
    if (message.family !== 0) return
    if (removed) {
      this.#links.delete(index)
      this.#addresses.delete(index)
      return
    }
    this.#links.set(index, {
      name: name ?? '',
      up: (flags & IFF.UP) !== 0,
      running: (flags & IFF.LOWER_UP) !== 0,
      linkAddress: address,
    })
  }

  address(message: AddressMessage, removed: boolean): void {
    const bytes = message.local ?? message.address
    if (message.family !== AF_INET6 || bytes === undefined || !isLinkLocal(bytes)) return
    const text = formatAddress(bytes)
    const others = (this.#addresses.get(message.ifindex) ?? []).filter((each) => each !== text)
    if (!removed && usable(message.flags)) {
      // A new one behind those in use: nobody's session moves for it.
      const known = this.#addresses.get(message.ifindex)?.includes(text) === true
      if (known) return
      others.push(text)
    }
    this.#addresses.set(message.ifindex, others)
  }

  /** Undefined: there is no such interface. */
  find(name: string): LinkState | undefined {
    for (const [index, entry] of this.#links) {
      if (entry.name !== name) continue
      return { ...entry, index, linkLocal: this.#addresses.get(index)?.[0] }
    }
    return undefined
  }
}

function usable(flags: number): boolean {
  if ((flags & IFA_F_DADFAILED) !== 0) return false
  return (flags & IFA_F_TENTATIVE) === 0 || (flags & IFA_F_OPTIMISTIC) !== 0
}
