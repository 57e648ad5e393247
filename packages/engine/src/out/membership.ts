/**
 * Which peer follows which group: joining, leaving, changing groups without a session reset, asking again.
 *
 * A change of groups keeps the peer's view exact: it reads what its old group had written for it, then gets a dump of the
 * new one in which everything it may still hold and the new group does not advertise is withdrawn.
 */
import type { EngineConfig } from '../config/types.js'
import type { FamilyIndex, SessionParameters } from '../rib/contract.js'
import type { FamilyRib } from '../rib/family.js'
import type { PeerState } from '../rib/peers.js'
import { Follower } from './follower.js'
import { type OutContext, OutGroup } from './group.js'
import { GroupKeys } from './group-key.js'

export class Membership {
  readonly #rib: FamilyRib
  readonly #context: OutContext
  readonly #groupOf = new Map<Follower, OutGroup>()
  readonly #gone: OutGroup[] = []
  readonly #newId: () => number
  readonly #keys: GroupKeys

  constructor(rib: FamilyRib, newId: () => number) {
    this.#rib = rib
    this.#newId = newId
    this.#keys = new GroupKeys(rib.index)
    this.#context = {
      family: rib.index,
      table: rib.table,
      paths: rib.paths,
      store: rib.store,
      peers: rib.peers,
      packer: rib.packer,
      side: rib.side,
      edit: rib.edit,
      decided: () => rib.prefixes.decided,
    }
  }

  groupOf(follower: Follower): OutGroup | undefined {
    return this.#groupOf.get(follower)
  }

  join(peer: PeerState, config: EngineConfig): void {
    const family: FamilyIndex = this.#rib.index
    const follower = new Follower(peer.slot, peer.session.config.key)
    follower.interval = peer.session.config.timers.advertisementInterval
    peer.followers[family] = follower
    this.#enter(follower, this.#group(peer.session, config))
  }

  leave(peer: PeerState): void {
    const follower = peer.followers[this.#rib.index]
    if (follower === undefined) return
    peer.followers[this.#rib.index] = undefined
    this.#exit(follower)
  }

  /** The session's export settings may differ now: another group, or the same one and nothing to do. */
  regroup(peer: PeerState, config: EngineConfig): void {
    const follower = peer.followers[this.#rib.index]
    const old = follower === undefined ? undefined : this.#groupOf.get(follower)
    if (follower === undefined || old === undefined) return
    follower.interval = peer.session.config.timers.advertisementInterval
    old.awake = true
    if (old.key === this.#keys.of(peer.session, config)) return
    // One that follows the log holds what is advertised once it has read the rest; of a laggard nothing is certain.
    const follows = follower.cursor !== undefined && follower.dump === undefined && follower.floor < 0
    const held = old.rib.held(!follows)
    const earlier = follower.mayHold ?? follower.dump?.mayHold
    const all = earlier === undefined ? held : union(held, earlier)
    const { cursor } = follower
    // What was written for it is still owed, unless a dump was under way: that one starts over.
    if (cursor !== undefined && !cursor.done && follows) {
      cursor.log = old.log.fork(cursor.position)
      follower.before = cursor
    }
    this.#exit(follower)
    follower.cursor = undefined
    follower.floor = 0
    follower.mayHold = all
    this.#enter(follower, this.#group(peer.session, config))
  }

  /** ROUTE-REFRESH: the whole table once more. */
  refresh(peer: PeerState, enhanced: boolean): void {
    const follower = peer.followers[this.#rib.index]
    const group = follower === undefined ? undefined : this.#groupOf.get(follower)
    if (follower === undefined || group === undefined) return
    // A laggard, or a peer on its way from another group, gets everything again anyway, withdrawals included.
    if (follower.mayHold === undefined) follower.floor = follower.floor > 0 ? 1 : 0
    follower.mark = this.#rib.prefixes.marked
    if (enhanced && follower.closing === 'none') {
      follower.opening = true
      follower.closing = 'end-of-refresh'
    }
    group.awake = true
  }

  /** Gives back the references of groups nobody follows any more; returns the work done. */
  dissolve(limit: number): number {
    const group = this.#gone[0]
    if (group === undefined) return 0
    if (group.dissolve(limit)) this.#gone.shift()
    return limit
  }

  get dissolving(): boolean {
    return this.#gone.length > 0
  }

  #group(session: SessionParameters, config: EngineConfig): OutGroup {
    const key = this.#keys.of(session, config)
    const known = this.#rib.groups.get(key)
    if (known !== undefined) return known
    const made = new OutGroup(this.#newId(), key, session, config, this.#context)
    this.#rib.addGroup(made)
    return made
  }

  #enter(follower: Follower, group: OutGroup): void {
    follower.mark = this.#rib.prefixes.marked
    follower.complete = -1
    group.join(follower)
    this.#groupOf.set(follower, group)
  }

  #exit(follower: Follower): void {
    const group = this.#groupOf.get(follower)
    if (group === undefined) return
    this.#groupOf.delete(follower)
    group.leave(follower)
    if (group.followers.length > 0) return
    this.#rib.removeGroup(group)
    this.#gone.push(group)
  }
}

function union(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(Math.max(a.length, b.length))
  for (let i = 0; i < out.length; i++) out[i] = (a[i] ?? 0) | (b[i] ?? 0)
  return out
}
