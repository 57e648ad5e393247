/**
 * Long-lived stale routes (RFC 9494 section 4.2): kept beyond graceful restart, marked, last in the decision.
 *
 * The mark is the LLGR_STALE community, so everyone we tell sees it; a route with NO_LLGR goes at once.
 */
import { Community } from '@starling/bgp-packet'
import { SetFlag } from './attributes.js'
import type { FamilyRib } from './family.js'
import { RowFlag, type RowId } from './paths.js'
import type { PeerState } from './peers.js'

export function makeLongLived(rib: FamilyRib, peer: PeerState, row: RowId): void {
  const { paths, store, edit } = rib
  if (paths.flags[row] & RowFlag.zombie || !peer.isStale(rib.index, paths.epoch[row])) return
  const attr = paths.attr[row]
  if (store.flags[paths.attrIn[row]] & SetFlag.noLlgr) {
    rib.kill(row)
    return
  }
  paths.flags[row] |= RowFlag.longLived
  if (attr === 0) return
  edit.begin(attr)
  edit.family = rib.index
  edit.addCommunity(Community.llgrStale)
  const marked = edit.commit()
  rib.reimport(row, marked)
  store.dropIfUnused(marked)
  rib.touch(row)
}
