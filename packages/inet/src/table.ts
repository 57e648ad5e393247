/**
 * The prefix interner's contract: each prefix of a family is a small number, and every other table an array.
 *
 * Two implementations, one per family, with the same calls. Callers stage the NLRI of an UPDATE first (`stage` masks
 * and hashes), let `touch` read the slots of all in a loop that does nothing else, so that as many cache misses as the
 * processor can have under way overlap, then look up or intern what they staged: a third faster than one prefix at a
 * time (hot-path.md section 2, touch pass), and a quarter faster than reading each slot while staging. Id 0 means "none".
 */
import type { Family } from './prefix.js'

/** Staged prefixes at once; callers take longer lists in pieces. */
export const STAGE_SIZE = 512

export interface PrefixTable {
  readonly family: Family
  /** Interned prefixes. */
  readonly size: number
  /** All ids ever given are below this; columns of other tables must reach it. */
  readonly limit: number
  /** Asked before the table takes a new id: an interned prefix nobody needs any more, or 0. */
  reclaim: (() => number) | undefined
  /** Length of each id's prefix; 255 for free ids. */
  readonly lengths: Uint8Array
  /** Reserved bytes of the hash tables and columns actually touched, roughly. */
  readonly bytes: number

  /** Takes place `index` of the batch: `length` bits from `offset` on, NLRI encoding (only the octets needed). */
  stage(index: number, buffer: Uint8Array, offset: number, length: number): void
  /** Brings the slots of the first `count` of the batch near. */
  touch(count: number): void
  findStaged(index: number): number
  internStaged(index: number): number

  find(address: Uint8Array, offset: number, length: number): number
  intern(address: Uint8Array, offset: number, length: number): number
  /** Gives the id back; it will be used for another prefix. */
  release(id: number): void
  isLive(id: number): boolean
  /**
   * May routers tell each other of it? Not of what lies in multicast, loopback, "this network" (0.0.0.0/8) or, in IPv6,
   * link-local space (RFC 4271 section 6.3, RFC 6890). Class E is in use in clusters and stays.
   */
  isUnicast(id: number): boolean
  /** Writes the address, 4 or 16 octets. */
  writeAddress(id: number, out: Uint8Array, at: number): void
  /** Writes length octet and the significant octets; returns the position behind them. */
  writeNlri(id: number, out: Uint8Array, at: number): number
  text(id: number): string
}
