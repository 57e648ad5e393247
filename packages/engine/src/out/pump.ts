/**
 * From groups to transports: hands each follower its next pieces, in slices.
 *
 * The only place that transmits. It never waits: a transport that wants no more blocks its follower until `writable`.
 * Work is counted in prefixes' worth (a write costs about twenty decisions), so that one call of `work` stays short
 * however many peers there are.
 */
import { HEADER_LENGTH, MessageType, newMessage } from '@starling/bgp-packet'
import { JITTER, LIMITS } from '../config/limits.js'
import type { FamilyIndex, TablesHost } from '../rib/contract.js'
import type { Dump } from './dump.js'
import type { Follower } from './follower.js'
import type { OutGroup } from './group.js'

const WRITE_COST = 20
const DUMP_SLICE = 2048

/** End-of-RIB (RFC 4724 section 2). */
export function endOfRib(family: FamilyIndex): Uint8Array {
  if (family === 0) return newMessage(MessageType.update, 4)
  const message = newMessage(MessageType.update, 10)
  message.set([0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1], HEADER_LENGTH)
  return message
}

/** Begin (1) or end (2) of a route refresh (RFC 7313 section 3.2). */
export function refreshMark(family: FamilyIndex, subtype: 1 | 2): Uint8Array {
  const message = newMessage(MessageType.routeRefresh, 4)
  message.set([0, family + 1, subtype, 1], HEADER_LENGTH)
  return message
}

export class Pump {
  readonly #host: TablesHost
  /** Where the next turn begins: nobody is always last. */
  #turn = 0
  /** The follower served last has more to read, and was only told to give way. */
  #more = false

  constructor(host: TablesHost) {
    this.#host = host
  }

  /** Serves the group's followers for about `limit` prefixes' worth; returns what it used. */
  run(group: OutGroup, limit: number, now: number): number {
    const { followers } = group
    group.wakeAt = Number.POSITIVE_INFINITY
    // All who wait get on their dump before the first of them makes it begin: that is how joiners share one.
    let wanting = false
    for (const follower of followers) {
      if (follower.interval > 0 && !this.#goesOn(group, follower, now)) continue
      if (follower.floor < 0) continue
      wanting = true
      if (!follower.blocked && follower.before === undefined) group.startDump(follower)
    }
    let used = 0
    let idle = 0
    // One round in which nobody was left with more: what one reads makes nothing for the others.
    while (used < limit && idle < followers.length) {
      const follower = followers[this.#turn % followers.length]
      this.#turn = (this.#turn + 1) % Math.max(1, followers.length)
      used += this.#serve(group, follower, now)
      if (this.#more) idle = 0
      else idle++
    }
    group.trim()
    if (idle >= followers.length) group.awake = wanting && group.hasWaiting()
    return used
  }

  /** One with an interval: may it be told of changes now? */
  #goesOn(group: OutGroup, follower: Follower, now: number): boolean {
    if (!follower.resting(now)) {
      group.skipAhead(follower)
      return true
    }
    if (!follower.upToDate) group.wakeAt = Math.min(group.wakeAt, follower.nextAt)
    return false
  }

  /** It has everything: the interval begins, if something was sent. */
  #rests(group: OutGroup, follower: Follower, sent: boolean, now: number): void {
    if (!follower.upToDate) return
    follower.complete = group.flush
    if (sent) follower.nextAt = now + follower.interval * (1 - JITTER * (this.#host.random?.() ?? 0))
  }

  /** One turn of one follower: at most a segment's worth. */
  #serve(group: OutGroup, follower: Follower, now: number): number {
    let used = 0
    let sent = 0
    this.#more = false
    if (follower.interval > 0 && follower.resting(now)) return 0
    while (!follower.blocked && sent < LIMITS.segment) {
      const piece = this.#next(group, follower)
      if (typeof piece === 'number') {
        used += piece
        if (piece === 0) break
        continue
      }
      sent += piece.length
      used += WRITE_COST
      this.#transmit(follower, piece)
    }
    this.#more = sent >= LIMITS.segment && !follower.blocked
    if (follower.interval > 0) this.#rests(group, follower, sent > 0, now)
    return used
  }

  /** The next piece, or the cost of having made something (0: nothing to do). */
  #next(group: OutGroup, follower: Follower): Uint8Array | number {
    if (follower.before !== undefined) {
      const piece = follower.before.readJoined()
      if (piece !== undefined) return piece
      follower.before = undefined
    }
    const { dump } = follower
    if (dump !== undefined) return this.#nextOfDump(group, follower, dump)
    if (follower.floor >= 0) return group.startDump(follower) ? 1 : 0
    return follower.cursor?.readJoined() ?? 0
  }

  #nextOfDump(group: OutGroup, follower: Follower, dump: Dump<Follower>): Uint8Array | number {
    if (follower.opening) {
      follower.opening = false
      return refreshMark(group.format.family, 1)
    }
    const piece = follower.dumpCursor?.readJoined()
    if (piece !== undefined) return piece
    if (!dump.complete) {
      group.trimDump(dump)
      return Math.max(1, group.produce(dump, DUMP_SLICE) >>> 1)
    }
    group.endDump(follower)
    this.#close(group, follower)
    return 1
  }

  #close(group: OutGroup, follower: Follower): void {
    const { closing } = follower
    const { family } = group.format
    follower.closing = 'none'
    if (closing === 'end-of-refresh') this.#transmit(follower, refreshMark(family, 2))
    if (closing === 'end-of-rib') {
      follower.endOfRibSent = true
      this.#transmit(follower, endOfRib(family))
      const name = this.#host.nameOf(follower.slot)
      const familyName = family === 0 ? 'ipv4' : 'ipv6'
      this.#host.event({ type: 'end-of-rib', peer: follower.key, name, family: familyName, direction: 'sent' })
    }
    if (follower.lagging && follower.floor < 0) this.#tellLagging(follower, false)
  }

  #tellLagging(follower: Follower, lagging: boolean): void {
    follower.lagging = lagging
    const name = this.#host.nameOf(follower.slot)
    this.#host.event({ type: 'lagging', peer: follower.key, name, lagging })
  }

  /** Says so for followers that lost their place since the last look. */
  watch(group: OutGroup): void {
    if (!group.lost) return
    group.lost = false
    for (const follower of group.followers) {
      if (follower.floor > 0 && !follower.lagging) this.#tellLagging(follower, true)
    }
  }

  #transmit(follower: Follower, bytes: Uint8Array): void {
    if (!this.#host.transmit(follower.slot, bytes)) follower.blocked = true
  }
}
