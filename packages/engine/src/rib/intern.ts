/**
 * From a received attribute block to an AttrId, parsing each distinct block once.
 *
 * Three roads, fastest first: the raw octets are already a canonical set; the raw octets were seen before in another
 * form (a speaker that always writes the extended length, 2-octet AS numbers) and a small cache remembers the set; the
 * block is parsed, judged by RFC 7606 and made canonical. Blocks with faults are never cached, so each is reported.
 */

import {
  AttributeBlock,
  AttributeCode,
  ByteWriter,
  canonicalBlock,
  type Fault,
  type UpdateContext,
  type UpdateScan,
  Verdict,
  verdictOf,
} from '@starling/bgp-packet'
import { isLinkLocal } from '@starling/inet'
import { type AttrId, type AttributeStore, BGP_PREFERENCE, SetFlag } from './attributes.js'
import { hasGlobal } from './next-hops.js'

const ALIASES = 4096
/** A canonical block may be longer than what came: 2-octet AS numbers double. */
const SCRATCH = 140_000

interface Alias {
  readonly hash: number
  readonly session: number
  readonly outer: number
  readonly raw: Uint8Array
  readonly target: AttrId
  readonly serial: number
}

/** What of a session changes the meaning of a block. */
export interface BlockContext {
  readonly update: UpdateContext
  /** `update` as one number, for the alias cache. */
  readonly key: number
  /** Where its link-local next hops live. */
  readonly zone: string
  /** The session itself runs over link-local addresses: of two next hops it means that one. */
  readonly linkLocal: boolean
}

export function blockContext(update: UpdateContext, zone: string, linkLocal: boolean): BlockContext {
  const key = (update.as4 ? 1 : 0) | (update.ibgp ? 2 : 0) | (update.confederation ? 4 : 0)
  return { update, key, zone, linkLocal }
}

export class BlockInterner {
  /** The fault of the last call: anything from attribute discard up. */
  fault: Fault | undefined
  /** The octets of the last call, as they came, are the set's own: {@link AttributeStore.find} knows them without an alias. */
  #own = false

  readonly #store: AttributeStore
  readonly #block = new AttributeBlock()
  readonly #writer = new ByteWriter(new Uint8Array(8192))
  readonly #aliases: (Alias | undefined)[] = new Array(ALIASES)
  #raw = new Uint8Array(4096)
  /** What {@link prepare} found. */
  #buffer: Uint8Array = this.#raw
  #start = 0
  #end = 0
  #inline = false
  #outerHop = 0
  #hash = 0

  constructor(store: AttributeStore) {
    this.#store = store
  }

  /**
   * The first half of {@link resolve}: finds and hashes the block and asks for its place in the store, which comes from
   * memory while the caller does something else.
   */
  prepare(scan: UpdateScan, mp: boolean, context: BlockContext): void {
    let buffer = scan.buffer
    let start = 0
    let end = 0
    if (scan.blockRanges === 1) {
      start = scan.blocks[0]
      end = scan.blocks[1]
    } else if (scan.blockRanges > 1) {
      if (this.#raw.length < scan.blockLength) this.#raw = new Uint8Array(65536)
      end = scan.copyBlock(this.#raw, 0)
      buffer = this.#raw
    }
    this.#buffer = buffer
    this.#start = start
    this.#end = end
    this.#inline = !mp || scan.reach.nextHopEnd - scan.reach.nextHopStart === 4
    this.#outerHop = mp && !this.#inline ? this.#outer(scan, context) : 0
    this.#hash = this.#store.hash(buffer, start, end)
    this.#store.touch(this.#hash, this.#outerHop, BGP_PREFERENCE)
  }

  /**
   * The set for the base NLRI (`mp` false) or those of MP_REACH; 0 when the verdict is treat-as-withdraw or worse, or
   * when there is nothing to announce. {@link fault} says why. Call {@link prepare} first, with the same.
   */
  resolve(scan: UpdateScan, mp: boolean, context: BlockContext): AttrId {
    const store = this.#store
    this.fault = undefined
    this.#own = false
    const buffer = this.#buffer
    const start = this.#start
    const end = this.#end
    const inline = this.#inline
    const outer = this.#outerHop
    const hash = this.#hash
    if (scan.verdict === Verdict.accept && (!mp || !inline)) {
      const found = store.find(hash, buffer, start, end, outer, BGP_PREFERENCE)
      if (found !== 0 && this.#valid(found, context.update, !mp)) return found
      const alias = this.#aliases[(hash ^ context.key) & (ALIASES - 1)]
      if (alias !== undefined && this.#matches(alias, hash, context.key, outer, buffer, start, end)) return alias.target
    }
    const id = this.#parse(scan, mp, inline, outer, hash, buffer, start, end, context)
    if (id === 0) store.nextHops.dropIfUnused(outer)
    else if (this.fault === undefined && (!mp || !inline) && !this.#own && !this.#isCanonical(id, buffer, start, end)) {
      this.#aliases[(hash ^ context.key) & (ALIASES - 1)] = {
        hash,
        session: context.key,
        outer,
        raw: buffer.slice(start, end),
        target: id,
        serial: store.serials[id],
      }
    }
    return id
  }

  /** Judges an UPDATE without announced prefixes; a fault there can only be a discard or a reset. */
  judge(scan: UpdateScan, context: BlockContext): Fault | undefined {
    if (scan.blockLength === 0) return verdictOf(scan, 0, [])
    const raw = new Uint8Array(scan.blockLength)
    scan.copyBlock(raw, 0)
    this.#block.parse(raw, 0, raw.length, context.update)
    return verdictOf(scan, this.#block.present, this.#block.faults)
  }

  #outer(scan: UpdateScan, context: BlockContext): number {
    const { buffer, reach } = scan
    const lastAddress = reach.nextHopEnd - 16
    // Of a pair a numbered session takes the global one, and the link-local one stays without meaning.
    const meant = context.linkLocal || !hasGlobal(buffer, reach.nextHopStart)
    const zone = meant && isLinkLocal(buffer, lastAddress) ? context.zone : ''
    return this.#store.nextHops.intern(buffer, reach.nextHopStart, reach.nextHopEnd, zone)
  }

  /** Octets equal to a canonical block mean that block only where 4-octet AS numbers and internal attributes are legal. */
  #valid(id: AttrId, update: UpdateContext, base: boolean): boolean {
    if (!update.as4) return false
    const flags = this.#store.flags[id]
    if (base && (flags & SetFlag.inlineNextHop) === 0) return false
    return update.ibgp || (flags & SetFlag.internalOnly) === 0
  }

  /** The octets as they came are the set's own: {@link AttributeStore.find} will find them without an alias. */
  #isCanonical(id: AttrId, buffer: Uint8Array, start: number, end: number): boolean {
    const store = this.#store
    const chunk = store.chunk(id)
    const at = store.offset(id)
    if (store.lengths[id] !== end - start) return false
    for (let i = 0; i < end - start; i++) if (chunk[at + i] !== buffer[start + i]) return false
    return true
  }

  #matches(
    alias: Alias,
    hash: number,
    session: number,
    outer: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (alias.hash !== hash || alias.session !== session || alias.outer !== outer) return false
    if (this.#store.serials[alias.target] !== alias.serial || alias.raw.length !== end - start) return false
    const { raw } = alias
    for (let i = 0; i < raw.length; i++) if (raw[i] !== buffer[start + i]) return false
    return true
  }

  #parse(
    scan: UpdateScan,
    mp: boolean,
    inline: boolean,
    outer: number,
    hash: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    context: BlockContext,
  ): AttrId {
    const block = this.#block
    block.parse(buffer, start, end, context.update)
    this.fault = verdictOf(scan, block.present, block.faults)
    if (this.fault !== undefined && this.fault.verdict >= Verdict.treatAsWithdraw) return 0
    // MP_REACH takes NEXT_HOP out of the block or puts one in: only otherwise are the octets the set's own.
    if (block.canonical && (!mp || (!inline && !block.has(AttributeCode.nextHop)))) {
      const store = this.#store
      this.#own = true
      const known = store.find(hash, buffer, start, end, outer, BGP_PREFERENCE)
      return known !== 0 ? known : store.add(hash, block, start, end, outer, BGP_PREFERENCE)
    }
    const writer = this.#writer
    if ((end - start) * 2 + 64 > writer.buffer.length) writer.buffer = new Uint8Array(SCRATCH)
    writer.reset(writer.buffer)
    canonicalBlock(block, writer)
    let length = writer.at
    if (mp) {
      const at = inline ? scan.reach.nextHopStart : -1
      length = setNextHop(writer.buffer, length, scan.buffer, at)
    }
    if (length > 0xffff) return 0
    return this.#store.intern(writer.buffer, 0, length, outer, BGP_PREFERENCE)
  }
}

/** Takes NEXT_HOP out of a canonical block and puts another in (`from` < 0: none); returns the new length. */
export function setNextHop(block: Uint8Array, length: number, source: Uint8Array, from: number): number {
  let at = 0
  let size = length
  while (at < size && block[at + 1] < AttributeCode.nextHop) at = nextAttribute(block, at)
  if (at < size && block[at + 1] === AttributeCode.nextHop) {
    block.copyWithin(at, at + 7, size)
    size -= 7
  }
  if (from < 0) return size
  block.copyWithin(at + 7, at, size)
  block[at] = 0x40
  block[at + 1] = AttributeCode.nextHop
  block[at + 2] = 4
  for (let i = 0; i < 4; i++) block[at + 3 + i] = source[from + i]
  return size + 7
}

/** Offset behind the attribute at `at`. */
export function nextAttribute(block: Uint8Array, at: number): number {
  return block[at] & 0x10 ? at + 4 + ((block[at + 2] << 8) | block[at + 3]) : at + 3 + block[at + 2]
}
