/**
 * The Adj-RIB-In of one peer as the UPDATEs that would fill it: evidence of a session that was not watched from its
 * beginning. Attributes are the ones received, before import policy, in their canonical form; stale routes, which the
 * peer has not sent since the session came up, are left out.
 */
import { AttributeBlock, attributeValues, packUpdates, type UpdateContext } from '@starling/bgp-packet'
import type { SessionParameters } from './contract.js'
import type { FamilyRib } from './family.js'
import { RowFlag } from './paths.js'
import type { PeerState } from './peers.js'

const block = new AttributeBlock()

type Nlri = { readonly prefix: string; readonly pathId?: number }

export function adjRibInMessages(
  families: readonly FamilyRib[],
  peer: PeerState,
  { addPathReceive, external, fourOctetAs, maximumMessage }: SessionParameters,
): Uint8Array[] {
  const context: UpdateContext = {
    as4: fourOctetAs,
    ibgp: !external,
    confederation: false,
    addPathIPv4: addPathReceive[0],
    addPathIPv6: addPathReceive[1],
  }
  return families.flatMap((rib) => {
    const messages: Uint8Array[] = []
    for (const [attr, prefixes] of rowsBySet(rib, peer, addPathReceive[rib.index])) {
      rib.store.read(attr, block)
      const attributes = attributeValues(block)
      const inside = rib.index === 0 && attributes.nextHop !== undefined
      const nextHop = inside ? undefined : rib.store.nextHops.text(rib.store.nextHop[attr])
      const options = { context, maximum: maximumMessage, ...(nextHop !== undefined && { nextHop }) }
      messages.push(...packUpdates(prefixes, attributes, options))
    }
    return messages
  })
}

function rowsBySet(rib: FamilyRib, peer: PeerState, addPath: boolean): ReadonlyMap<number, readonly Nlri[]> {
  const { paths, table } = rib
  const sets = new Map<number, Nlri[]>()
  for (let row = peer.head[rib.index]; row !== 0; row = paths.nextInPeer[row]) {
    const attr = paths.attrIn[row]
    if (attr === 0 || (paths.flags[row] & RowFlag.zombie) !== 0 || peer.isStale(rib.index, paths.epoch[row])) continue
    const prefix = table.text(paths.prefix[row])
    const nlri = addPath ? { prefix, pathId: paths.pathId[row] } : { prefix }
    const rows = sets.get(attr)
    if (rows === undefined) sets.set(attr, [nlri])
    else rows.push(nlri)
  }
  return sets
}
