/**
 * First pass over an UPDATE: where everything lies, and whether it can be located at all.
 *
 * The engine's road: one reused object, plain number fields, no allocation for a clean message. It finds the withdrawn
 * and announced prefixes (base fields and MP attributes), leaves the remaining attributes as one block in at most
 * three ranges, and judges framing only (RFC 7606 sections 3, 4, 5.3, 7.11, 7.12). Attribute values are judged by the second
 * pass, `AttributeBlock`, once per distinct block; `verdictOf` joins the two.
 *
 * Two passes because a route can only be treated as withdrawn if its prefix was found first, whatever the attributes say.
 * A family other than IPv4 and IPv6 unicast is opaque: its octets are delimited, never read, never fatal.
 */

import { AttributeCode, Flag, HEADER_LENGTH } from '../constants.js'
import { NotificationCode, UpdateError } from '../message/notification.js'
import { escalate, type Fault, NO_DATA, strongest, Verdict } from '../verdict.js'
import type { UpdateContext } from './context.js'
import { checkNlri } from './nlri.js'

const EMPTY = new Uint8Array(0)
const MP_FLAGS = Flag.optional
const FAMILY_FLAGS = Flag.optional | Flag.transitive

/** MP_REACH_NLRI or MP_UNREACH_NLRI as ranges. */
export class MpRange {
  /** False when the attribute is absent or unusable. */
  present = false
  afi = 0
  safi = 0
  nextHopStart = 0
  nextHopEnd = 0
  nlriStart = 0
  nlriEnd = 0
  /** Prefixes in the range; for an opaque family 1 if there are octets, else 0. */
  count = 0
  /** 4 or 6 for IPv4 and IPv6 unicast, 0 for a family carried opaque. */
  version: 0 | 4 | 6 = 0
  addPath = false

  clear(): void {
    this.present = false
    this.afi = 0
    this.safi = 0
    this.nextHopStart = 0
    this.nextHopEnd = 0
    this.nlriStart = 0
    this.nlriEnd = 0
    this.count = 0
    this.version = 0
    this.addPath = false
  }
}

export class UpdateScan {
  buffer: Uint8Array = EMPTY
  /** Withdrawn IPv4 unicast prefixes (base field). */
  withdrawnStart = 0
  withdrawnEnd = 0
  withdrawnCount = 0
  /** Announced IPv4 unicast prefixes (base field). */
  nlriStart = 0
  nlriEnd = 0
  nlriCount = 0
  /** The whole path attribute field. */
  attributesStart = 0
  attributesEnd = 0
  readonly reach = new MpRange()
  readonly unreach = new MpRange()
  /** The attributes without MP_REACH and MP_UNREACH: `blockRanges` pairs (start, end) in `blocks`. */
  readonly blocks = new Uint32Array(6)
  blockRanges = 0
  blockLength = 0
  /** RFC 4724 section 2: nothing in the message but the mark, for `endOfRibAfi`/`endOfRibSafi`. */
  endOfRib = false
  endOfRibAfi = 0
  endOfRibSafi = 0
  /** MP_UNREACH_NLRI is all there is in the attribute field: RFC 7606 section 5.2 does not speak of such a message. */
  unreachOnly = false
  /** Framing faults; empty and shared for a clean message. */
  faults: Fault[] = NO_FAULTS

  /** The strongest framing verdict. After `sessionReset` no range may be used. */
  verdict: Verdict = Verdict.accept

  #sawReach = false
  #sawUnreach = false

  /** Scans the framed UPDATE in [start, end) of `buffer`; true if its prefixes can be used. */
  scan(buffer: Uint8Array, start: number, end: number, context: UpdateContext): boolean {
    this.#clear(buffer)
    let at = start + HEADER_LENGTH
    if (at + 4 > end) return this.#reset(UpdateError.malformedAttributeList, start, 'RFC 4271 6.3', 'UPDATE too short')
    const withdrawnEnd = at + 2 + ((buffer[at] << 8) | buffer[at + 1])
    if (withdrawnEnd + 2 > end) {
      return this.#reset(UpdateError.malformedAttributeList, at, 'RFC 4271 6.3', 'Withdrawn Routes Length too large')
    }
    this.withdrawnStart = at + 2
    this.withdrawnEnd = withdrawnEnd
    at = withdrawnEnd
    const attributesEnd = at + 2 + ((buffer[at] << 8) | buffer[at + 1])
    if (attributesEnd > end) {
      return this.#reset(
        UpdateError.malformedAttributeList,
        at,
        'RFC 4271 6.3',
        'Total Path Attribute Length too large',
      )
    }
    this.attributesStart = at + 2
    this.attributesEnd = attributesEnd
    this.nlriStart = attributesEnd
    this.nlriEnd = end
    const withdrawn = checkNlri(buffer, this.withdrawnStart, withdrawnEnd, 32, context.addPathIPv4)
    if (withdrawn < 0) {
      return this.#reset(UpdateError.invalidNetworkField, -1 - withdrawn, 'RFC 7606 5.3', 'Withdrawn Routes unreadable')
    }
    this.withdrawnCount = withdrawn
    const nlri = checkNlri(buffer, attributesEnd, end, 32, context.addPathIPv4)
    if (nlri < 0) return this.#reset(UpdateError.invalidNetworkField, -1 - nlri, 'RFC 7606 5.3', 'NLRI unreadable')
    this.nlriCount = nlri
    if (!this.#walk(context)) return false
    if (nlri === 0 && withdrawn === 0) this.#findEndOfRib()
    return true
  }

  /** Prefixes announced, in any field. */
  get reachable(): number {
    return this.nlriCount + this.reach.count
  }

  /** Copies the attribute block (without MP attributes) to `out` at `offset`; returns the octet after it. */
  copyBlock(out: Uint8Array, offset: number): number {
    let at = offset
    for (let i = 0; i < this.blockRanges; i++) {
      for (let k = this.blocks[2 * i]; k < this.blocks[2 * i + 1]; k++) out[at++] = this.buffer[k]
    }
    return at
  }

  /** Splits the attribute field into MP attributes and the rest. */
  #walk(context: UpdateContext): boolean {
    const buffer = this.buffer
    const end = this.attributesEnd
    let at = this.attributesStart
    let rangeStart = at
    while (at < end) {
      const flags = buffer[at]
      const headerLength = flags & Flag.extendedLength ? 4 : 3
      if (at + headerLength > end) {
        this.#overrun(at, 'octets left that are no attribute')
        break
      }
      const code = buffer[at + 1]
      const length = headerLength === 4 ? (buffer[at + 2] << 8) | buffer[at + 3] : buffer[at + 2]
      const valueStart = at + headerLength
      const next = valueStart + length
      if (next > end) {
        this.#overrun(at, `attribute ${code} of ${length} octets runs over the attributes`, code)
        break
      }
      if (code === AttributeCode.mpReach || code === AttributeCode.mpUnreach) {
        this.#addRange(rangeStart, at)
        rangeStart = next
        if (!this.#mp(code, at, valueStart, next, context)) return false
      }
      at = next
    }
    // After an overrun `at` is where the unreadable attribute begins: it is not part of the block.
    this.#addRange(rangeStart, at)
    this.unreachOnly = this.#sawUnreach && !this.#sawReach && this.blockLength === 0 && at === end
    return true
  }

  #mp(code: number, at: number, start: number, end: number, context: UpdateContext): boolean {
    const reach = code === AttributeCode.mpReach
    if (reach ? this.#sawReach : this.#sawUnreach) {
      const name = reach ? 'MP_REACH_NLRI' : 'MP_UNREACH_NLRI'
      return this.#reset(UpdateError.malformedAttributeList, at, 'RFC 7606 3(g)', `${name} appears twice`, code)
    }
    if (reach) this.#sawReach = true
    else this.#sawUnreach = true
    if ((this.buffer[at] & FAMILY_FLAGS) !== MP_FLAGS) {
      const data = this.buffer.slice(at, end)
      const reason = `attribute ${code} with flags 0x${this.buffer[at].toString(16)}`
      this.#fault(Verdict.treatAsWithdraw, UpdateError.attributeFlagsError, at, 'RFC 7606 3(c)', reason, code, data)
    }
    return reach ? this.#reach(at, start, end, context) : this.#unreach(at, start, end, context)
  }

  #reach(at: number, start: number, end: number, context: UpdateContext): boolean {
    const buffer = this.buffer
    const range = this.reach
    if (end - start >= 3) this.#family(range, start, context)
    if (end - start < 5) return this.#badMp(at, start, end, at, 'MP_REACH_NLRI too short', range)
    const nextHopLength = buffer[start + 3]
    const nextHopEnd = start + 4 + nextHopLength
    if (nextHopEnd + 1 > end) return this.#badMp(at, start, end, start + 3, 'next hop runs over MP_REACH_NLRI', range)
    // RFC 2545 section 3: 16 or 32 octets for IPv6; RFC 8950 section 3: an IPv4 prefix may have an IPv6 next hop.
    const legal = nextHopLength === 16 || nextHopLength === 32 || (nextHopLength === 4 && range.version === 4)
    if (range.version !== 0 && !legal) {
      return this.#badMp(at, start, end, start + 3, `next hop of ${nextHopLength} octets`, range)
    }
    range.nextHopStart = start + 4
    range.nextHopEnd = nextHopEnd
    return this.#mpNlri(range, at, start, nextHopEnd + 1, end)
  }

  #unreach(at: number, start: number, end: number, context: UpdateContext): boolean {
    const range = this.unreach
    if (end - start < 3) return this.#badMp(at, start, end, at, 'MP_UNREACH_NLRI too short', range)
    this.#family(range, start, context)
    return this.#mpNlri(range, at, start, start + 3, end)
  }

  #family(range: MpRange, start: number, context: UpdateContext): void {
    const buffer = this.buffer
    range.afi = (buffer[start] << 8) | buffer[start + 1]
    range.safi = buffer[start + 2]
    range.version = range.safi !== 1 ? 0 : range.afi === 1 ? 4 : range.afi === 2 ? 6 : 0
    range.addPath = range.version === 4 ? context.addPathIPv4 : range.version === 6 ? context.addPathIPv6 : false
  }

  #mpNlri(range: MpRange, at: number, start: number, nlriStart: number, end: number): boolean {
    range.present = true
    range.nlriStart = nlriStart
    range.nlriEnd = end
    if (range.version === 0) {
      range.count = end > nlriStart ? 1 : 0
      return true
    }
    const count = checkNlri(this.buffer, nlriStart, end, range.version === 4 ? 32 : 128, range.addPath)
    if (count < 0) return this.#badMp(at, start, end, -1 - count, 'NLRI unreadable', range)
    range.count = count
    return true
  }

  /**
   * An MP attribute that cannot be read. RFC 7606 section 7.11 leaves two ways: we reset the session for the families
   * we speak and drop the attribute ("AFI/SAFI disable") for the ones we only carry. RFC 4760 section 7 names the subcode.
   */
  #badMp(at: number, start: number, end: number, offset: number, reason: string, range: MpRange): boolean {
    const code = this.buffer[at + 1]
    const rule = code === AttributeCode.mpReach ? 'RFC 7606 7.11' : 'RFC 7606 7.12'
    const data = this.buffer.slice(at, end)
    const opaque = end - start >= 3 && range.version === 0
    range.clear()
    if (opaque) {
      this.#fault(Verdict.attributeDiscard, UpdateError.optionalAttributeError, offset, rule, reason, code, data)
      return true
    }
    return this.#reset(UpdateError.optionalAttributeError, offset, rule, reason, code, data)
  }

  #overrun(at: number, reason: string, code?: number): void {
    this.#fault(Verdict.treatAsWithdraw, UpdateError.malformedAttributeList, at, 'RFC 7606 4', reason, code, NO_DATA)
  }

  #addRange(start: number, end: number): void {
    if (end <= start) return
    this.blocks[2 * this.blockRanges] = start
    this.blocks[2 * this.blockRanges + 1] = end
    this.blockRanges++
    this.blockLength += end - start
  }

  #findEndOfRib(): void {
    if (this.attributesEnd === this.attributesStart) {
      this.#mark(1, 1)
    } else if (this.unreachOnly && this.faults.length === 0) {
      if (this.unreach.nlriStart === this.unreach.nlriEnd) this.#mark(this.unreach.afi, this.unreach.safi)
    }
  }

  #mark(afi: number, safi: number): void {
    this.endOfRib = true
    this.endOfRibAfi = afi
    this.endOfRibSafi = safi
  }

  #reset(subcode: number, offset: number, rule: string, reason: string, code?: number, data = NO_DATA): false {
    this.#fault(Verdict.sessionReset, subcode, offset, rule, reason, code, data)
    return false
  }

  #fault(
    verdict: Verdict,
    subcode: number,
    offset: number,
    rule: string,
    reason: string,
    attribute: number | undefined,
    data: Uint8Array,
  ): void {
    if (this.faults === NO_FAULTS) this.faults = []
    this.faults.push({ verdict, code: NotificationCode.updateMessage, subcode, attribute, offset, rule, reason, data })
    if (verdict > this.verdict) this.verdict = verdict
  }

  #clear(buffer: Uint8Array): void {
    this.buffer = buffer
    this.withdrawnStart = 0
    this.withdrawnEnd = 0
    this.withdrawnCount = 0
    this.nlriStart = 0
    this.nlriEnd = 0
    this.nlriCount = 0
    this.attributesStart = 0
    this.attributesEnd = 0
    this.reach.clear()
    this.unreach.clear()
    this.blockRanges = 0
    this.blockLength = 0
    this.endOfRib = false
    this.unreachOnly = false
    this.faults = NO_FAULTS
    this.verdict = Verdict.accept
    this.#sawReach = false
    this.#sawUnreach = false
  }
}

const NO_FAULTS: Fault[] = []

/**
 * The verdict over the whole message: framing, attribute values, and what is missing. `undefined` means accept.
 *
 * `present` and `attributeFaults` come from `AttributeBlock`, computed once per distinct block. RFC 7606 section 3(d): announced
 * prefixes need ORIGIN and AS_PATH, those of the base field NEXT_HOP as well.
 * Section 5.2: attributes without an announced prefix leave nothing to treat as withdrawn, so anything stronger than attribute
 * discard resets the session, unless MP_UNREACH_NLRI is the only attribute.
 */
export function verdictOf(scan: UpdateScan, present: number, attributeFaults: readonly Fault[]): Fault | undefined {
  let worst = attributeFaults.length > 0 ? strongest(attributeFaults) : undefined
  if (scan.faults.length > 0) {
    const framing = strongest(scan.faults)
    if (framing !== undefined && (worst === undefined || framing.verdict >= worst.verdict)) worst = framing
  }
  const need = scan.nlriCount > 0 ? NEED_BASE : scan.reach.count > 0 ? NEED_MP : 0
  if ((present & need) !== need && (worst === undefined || worst.verdict < Verdict.treatAsWithdraw)) {
    worst = missing(scan, need & ~present)
  }
  if (worst?.verdict === Verdict.treatAsWithdraw && scan.reachable === 0 && !scan.unreachOnly) {
    return escalate(worst, Verdict.sessionReset, 'RFC 7606 5.2')
  }
  return worst
}

/** Bits of `present`: one per attribute code below 31. */
const NEED_MP = (1 << AttributeCode.origin) | (1 << AttributeCode.asPath)
const NEED_BASE = NEED_MP | (1 << AttributeCode.nextHop)
function missing(scan: UpdateScan, bits: number): Fault {
  const code = 31 - Math.clz32(bits & -bits)
  return {
    verdict: Verdict.treatAsWithdraw,
    code: NotificationCode.updateMessage,
    subcode: UpdateError.missingWellKnownAttribute,
    attribute: code,
    offset: scan.attributesStart,
    rule: 'RFC 7606 3(d)',
    reason: `mandatory attribute ${code} is missing`,
    data: Uint8Array.of(code),
  }
}
