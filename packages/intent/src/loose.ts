/**
 * Loose addresses: in use on another node than the one that owns their block, or in a block that nobody owns
 * (calico.md 7.6). Where BGP carries the routes, their node announces them by itself; VXLAN without Felix needs a host
 * route for each, computed from the blocks (calico.md 4.3), tunnel addresses included.
 *
 * Blocks are many and change with every pod, so a block is decoded only when its text names a node that is not its owner.
 */
import type { Snapshot } from '@starling/datastore'
import { Prefix } from '@starling/inet'
import { type BlockValue, decodeEntry, IPAM_PREFIX } from '@starling/resources'

const BLOCKS = `${IPAM_PREFIX}assignment/`
const OWNER = 'host:'

export interface LooseAddress {
  readonly address: Uint8Array
  /** Who uses it. */
  readonly node: string
  /** The block it is from, for people. */
  readonly block: string
}

export class LooseAddresses {
  readonly #byKey = new Map<string, readonly LooseAddress[]>()

  update(snapshot: Snapshot, changed: Iterable<string>): void {
    for (const key of changed) {
      if (!key.startsWith(BLOCKS)) continue
      const entry = snapshot.get(key)
      const found = entry === undefined ? [] : looseIn(entry.key, entry.value)
      // A block that cannot be read says nothing: what was known of it stays.
      if (found === undefined) continue
      if (found.length > 0) this.#byKey.set(key, found)
      else this.#byKey.delete(key)
    }
  }

  /** By block, then by address. */
  get all(): readonly LooseAddress[] {
    return [...this.#byKey.keys()].sort().flatMap((key) => this.#byKey.get(key) as readonly LooseAddress[])
  }
}

function looseIn(key: string, text: string): readonly LooseAddress[] | undefined {
  const [, owner] = /"affinity":"host:([^"\\]*)"/.exec(text) ?? []
  if (owner !== undefined && !namesAnother(text, owner)) return []
  const decoded = decodeEntry(key, text)
  if (decoded?.ok !== true || decoded.value.kind !== 'IPAMBlock') return undefined
  return looseOf(decoded.value.value)
}

function namesAnother(text: string, owner: string): boolean {
  for (const [, node] of text.matchAll(/"node":\s*"([^"]*)"/g)) if (node !== owner) return true
  return false
}

function looseOf({ cidr, affinity, allocations, attributes }: BlockValue): readonly LooseAddress[] {
  const block = Prefix.parse(cidr.network)
  if (block === undefined) return []
  const owner = affinity?.startsWith(OWNER) === true ? affinity.slice(OWNER.length) : undefined
  const found: LooseAddress[] = []
  for (const [ordinal, index] of allocations.entries()) {
    const attribute = index === null ? undefined : attributes[index]
    const node = attribute?.secondary['node']
    // Released ones wait out their cooldown: nobody has them (calico.md 7.5).
    if (node === undefined || node === owner || attribute?.releasedAt !== undefined) continue
    const address = block.subnetAt(block.bits, BigInt(ordinal))?.bytes
    if (address !== undefined) found.push({ address, node, block: cidr.network })
  }
  return found
}
