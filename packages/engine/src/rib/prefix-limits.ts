/**
 * Prefix limits, in and out: a warning at a fraction, then what the limit's action says.
 *
 * In: counted after each UPDATE, so a peer can exceed the limit by what one message holds; after an action other than
 * `warn` no more of its messages are taken. Out: the group's table is common, so all its followers reach it together.
 */
import type { FamilyName, PrefixLimit } from '../config/types.js'
import type { OutGroup } from '../out/group.js'
import type { FamilyIndex, TablesHost } from './contract.js'
import type { PeerState } from './peers.js'

const NAMES: readonly FamilyName[] = ['ipv4', 'ipv6']

export function checkImportLimit(host: TablesHost, peer: PeerState, family: FamilyIndex, now: number): void {
  const limit = peer.limits[family]
  if (limit === undefined) return
  const count = peer.received[family]
  if (count <= limit.maximum * limit.warnAt) {
    peer.warned[family] = false
    return
  }
  const over = count > limit.maximum
  if (over && limit.action !== 'warn') {
    peer.closing = true
    tell(host, peer, family, count, limit, limit.action)
    host.limitReached(peer.slot, family, limit, 'import', now)
  } else if (!peer.warned[family]) {
    peer.warned[family] = true
    tell(host, peer, family, count, limit, 'warn')
  }
}

export function checkExportLimits(
  host: TablesHost,
  states: readonly (PeerState | undefined)[],
  group: OutGroup,
  family: FamilyIndex,
  now: number,
): void {
  const { exportLimit: limit } = group
  if (limit === undefined) return
  const { count } = group.rib
  if (count <= limit.maximum * limit.warnAt) {
    group.limitTold = false
    return
  }
  const stop = count > limit.maximum && limit.action !== 'warn'
  if (group.limitTold && !stop) return
  group.limitTold = true
  for (const follower of [...group.followers]) {
    const peer = states[follower.slot]
    if (peer === undefined || peer.closing) continue
    tell(host, peer, family, count, limit, stop ? limit.action : 'warn')
    if (!stop) continue
    peer.closing = true
    host.limitReached(peer.slot, family, limit, 'export', now)
  }
}

function tell(
  host: TablesHost,
  peer: PeerState,
  family: FamilyIndex,
  count: number,
  limit: PrefixLimit,
  action: PrefixLimit['action'],
): void {
  const { key, name } = peer.session.config
  host.event({ type: 'prefix-limit', peer: key, name, family: NAMES[family], count, limit: limit.maximum, action })
}
