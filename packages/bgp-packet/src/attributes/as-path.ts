/**
 * AS_PATH and AS4_PATH: segments, their walk without allocation, text, and the merge of RFC 6793.
 *
 * RFC 4271 sections 4.3 and 5.1.2, RFC 5065 (confederation segments), RFC 6793 (4-octet numbers), RFC 7606 section 7.2,
 * RFC 7607 (AS 0). The functions on octets take the size of an AS number (2 or 4), because the wire does not say it.
 * Text is that of bgpdump: `1 2 {3,4} (5 6) [7,8]` for sequence, set, confederation sequence, confederation set.
 */

import { AS_TRANS, AttributeCode, Flag } from '../constants.js'
import { UpdateError } from '../message/notification.js'
import { u16, u32 } from '../read.js'
import { Verdict } from '../verdict.js'
import type { ByteWriter } from '../writer.js'
import { type AttributeDescriptor, type Problem, parseDecimal, problem } from './descriptor.js'

export const SegmentType = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const
export type SegmentName = 'set' | 'sequence' | 'confed-sequence' | 'confed-set'
const SEGMENT_NAMES: readonly SegmentName[] = ['set', 'sequence', 'confed-sequence', 'confed-set']

export interface AsSegment {
  readonly type: SegmentName
  readonly asns: readonly number[]
}
export type AsPath = readonly AsSegment[]

/** Judges the segments in [start, end); `size` is 2 or 4. */
export function checkAsPath(
  buffer: Uint8Array,
  start: number,
  end: number,
  size: 2 | 4,
  confedAllowed: boolean,
  fail: (rule: string, reason: string, offset: number) => Problem,
): Problem | undefined {
  let at = start
  while (at < end) {
    if (at + 2 > end) return fail('RFC 7606 7.2', 'one octet left over', at)
    const type = buffer[at]
    const count = buffer[at + 1]
    if (type < 1 || type > 4) return fail('RFC 7606 7.2', `segment type ${type}`, at)
    if (type >= SegmentType.confedSequence && !confedAllowed) {
      return fail('RFC 5065 5', 'confederation segment from outside the confederation', at)
    }
    if (count === 0) return fail('RFC 7606 7.2', 'empty segment', at + 1)
    const next = at + 2 + count * size
    if (next > end) return fail('RFC 7606 7.2', `segment of ${count} AS numbers runs over the attribute`, at + 1)
    for (let k = at + 2; k < next; k += size) {
      if ((size === 4 ? u32(buffer, k) : u16(buffer, k)) === 0) return fail('RFC 7607 2', 'AS number 0', k)
    }
    at = next
  }
  return undefined
}

/** Hops for route selection: a set counts one (RFC 4271 section 9.1.2.2), confederation segments none (RFC 5065 section 5.3). */
export function asPathLength(buffer: Uint8Array, start: number, end: number, size: 2 | 4): number {
  let hops = 0
  for (let at = start; at + 2 <= end; at += 2 + buffer[at + 1] * size) {
    if (buffer[at] === SegmentType.sequence) hops += buffer[at + 1]
    else if (buffer[at] === SegmentType.set) hops += 1
  }
  return hops
}

/** How often `asn` occurs, in any segment: the loop check of RFC 4271 section 9.1.2 and RFC 5065 section 4. */
export function asPathCount(buffer: Uint8Array, start: number, end: number, size: 2 | 4, asn: number): number {
  let found = 0
  for (let at = start; at + 2 <= end; ) {
    const next = Math.min(end, at + 2 + buffer[at + 1] * size)
    for (let k = at + 2; k + size <= next; k += size) {
      if ((size === 4 ? u32(buffer, k) : u16(buffer, k)) === asn) found++
    }
    at = next
  }
  return found
}

/** The neighbouring AS (MED comparison): first of the first AS_SEQUENCE, confederation segments skipped; 0 if there is none. */
export function asPathNeighbor(buffer: Uint8Array, start: number, end: number, size: 2 | 4): number {
  for (let at = start; at + 2 + size <= end; at += 2 + buffer[at + 1] * size) {
    if (buffer[at] === SegmentType.sequence) return size === 4 ? u32(buffer, at + 2) : u16(buffer, at + 2)
    if (buffer[at] === SegmentType.set) return 0
  }
  return 0
}

/** The originating AS: last of a final AS_SEQUENCE; 0 for an empty path or one that ends in a set. */
export function asPathOrigin(buffer: Uint8Array, start: number, end: number, size: 2 | 4): number {
  let asn = 0
  for (let at = start; at + 2 <= end; ) {
    const next = Math.min(end, at + 2 + buffer[at + 1] * size)
    if (buffer[at] !== SegmentType.sequence || next - size < at + 2) asn = 0
    else asn = size === 4 ? u32(buffer, next - 4) : u16(buffer, next - 2)
    at = next
  }
  return asn
}

export function decodeAsPath(buffer: Uint8Array, start: number, end: number, size: 2 | 4): AsPath {
  const path: AsSegment[] = []
  for (let at = start; at + 2 <= end; ) {
    const asns: number[] = []
    const next = Math.min(end, at + 2 + buffer[at + 1] * size)
    for (let k = at + 2; k + size <= next; k += size) asns.push(size === 4 ? u32(buffer, k) : u16(buffer, k))
    path.push({ type: SEGMENT_NAMES[buffer[at] - 1] ?? 'set', asns })
    at = next
  }
  return path
}

/** Writes segments, splitting those of more than 255 members; empty ones are left out (RFC 7606 forbids them). */
export function encodeAsPath(writer: ByteWriter, path: AsPath, size: 2 | 4): void {
  for (const segment of path) {
    for (let from = 0; from < segment.asns.length; from += 255) {
      const part = segment.asns.slice(from, from + 255)
      writer.u8(SEGMENT_NAMES.indexOf(segment.type) + 1)
      writer.u8(part.length)
      for (const asn of part) {
        if (size === 4) writer.u32(asn)
        else writer.u16(asn > 0xffff ? AS_TRANS : asn)
      }
    }
  }
}

const BRACKETS: Record<SegmentName, [string, string, string]> = {
  set: ['{', ',', '}'],
  sequence: ['', ' ', ''],
  'confed-sequence': ['(', ' ', ')'],
  'confed-set': ['[', ',', ']'],
}

export function printAsPath(path: AsPath): string {
  return path
    .map(({ type, asns }) => {
      const [open, separator, close] = BRACKETS[type]
      return open + asns.join(separator) + close
    })
    .join(' ')
}

const TOKEN = /[{}()[\],]|[0-9]+|\s+|./gs

/** Reads the text of `printAsPath`; asdot ("1.10") is not accepted, as it never is printed. */
export function parseAsPath(text: string): AsPath | undefined {
  const path: AsSegment[] = []
  let open: { type: SegmentName; asns: number[] } | undefined
  let bracket = ''
  for (const token of text.match(TOKEN) ?? []) {
    if (token.trim() === '') continue
    const kind = (Object.keys(BRACKETS) as SegmentName[]).find((name) => BRACKETS[name][0] === token)
    if (kind !== undefined) {
      if (bracket !== '') return undefined
      open = { type: kind, asns: [] }
      path.push(open)
      bracket = BRACKETS[kind][2]
    } else if (token === bracket) {
      if (open === undefined || open.asns.length === 0) return undefined
      open = undefined
      bracket = ''
    } else if (token === ',') {
      if (bracket !== '}' && bracket !== ']') return undefined
    } else {
      const asn = parseDecimal(token)
      if (asn === undefined) return undefined
      if (open === undefined) {
        open = { type: 'sequence', asns: [] }
        path.push(open)
      }
      open.asns.push(asn)
    }
  }
  return bracket === '' ? path : undefined
}

/** Number of AS numbers as RFC 6793 section 4.2.3 counts them: as for route selection, without confederation segments. */
function hopsOf(path: AsPath): number {
  let hops = 0
  for (const { type, asns } of path) hops += type === 'sequence' ? asns.length : type === 'set' ? 1 : 0
  return hops
}

/**
 * AS_PATH of an OLD speaker joined with AS4_PATH (RFC 6793 section 4.2.3): the leading hops of AS_PATH that AS4_PATH does not
 * cover, then AS4_PATH. An AS4_PATH longer than AS_PATH is ignored. Confederation segments lead and are always kept.
 */
export function mergeAs4Path(asPath: AsPath, as4Path: AsPath): AsPath {
  const clean = as4Path.filter(({ type }) => type === 'sequence' || type === 'set')
  let keep = hopsOf(asPath) - hopsOf(clean)
  if (keep < 0 || clean.length === 0) return asPath
  const head: AsSegment[] = []
  for (const segment of asPath) {
    if (segment.type === 'confed-sequence' || segment.type === 'confed-set') {
      head.push(segment)
    } else if (keep > 0) {
      const asns = segment.type === 'sequence' ? segment.asns.slice(0, keep) : segment.asns
      head.push({ type: segment.type, asns })
      keep -= segment.type === 'sequence' ? asns.length : 1
    } else {
      break
    }
  }
  return joinSequences([...head, ...clean])
}

/** Neighbouring sequences made one: the merge splits a sequence that the origin sent whole. */
function joinSequences(path: AsPath): AsPath {
  const out: AsSegment[] = []
  for (const segment of path) {
    const last = out[out.length - 1]
    if (last?.type === 'sequence' && segment.type === 'sequence') {
      out[out.length - 1] = { type: 'sequence', asns: [...last.asns, ...segment.asns] }
    } else {
      out.push(segment)
    }
  }
  return out
}

/** True if the path has a number that 2 octets cannot hold, so that an OLD speaker needs AS4_PATH as well. */
export function needsAs4(path: AsPath): boolean {
  return path.some(({ asns }) => asns.some((asn) => asn > 0xffff))
}

const malformed = (rule: string, reason: string, offset: number) =>
  problem(Verdict.treatAsWithdraw, UpdateError.malformedAsPath, rule, reason, offset)

const discarded = (rule: string, reason: string, offset: number) => {
  const cited = rule === 'RFC 7606 7.2' ? 'RFC 6793 6' : rule
  return problem(Verdict.attributeDiscard, UpdateError.optionalAttributeError, cited, reason, offset)
}

export const asPath: AttributeDescriptor<AsPath> = {
  code: AttributeCode.asPath,
  name: 'AS_PATH',
  key: 'asPath',
  flags: Flag.transitive,
  check(buffer, start, end, context) {
    const confedAllowed = context.ibgp || context.confederation || context.confederationUnknown === true
    return checkAsPath(buffer, start, end, context.as4 ? 4 : 2, confedAllowed, malformed)
  },
  decode: (buffer, start, end, context) => decodeAsPath(buffer, start, end, context.as4 ? 4 : 2),
  encode: (writer, value, context) => encodeAsPath(writer, value, context.as4 ? 4 : 2),
  print: printAsPath,
  parse: parseAsPath,
  toJson: printAsPath,
}

export const as4Path: AttributeDescriptor<AsPath> = {
  code: AttributeCode.as4Path,
  name: 'AS4_PATH',
  key: 'as4Path',
  flags: Flag.optional | Flag.transitive,
  check(buffer, start, end, context) {
    if (context.as4) return discarded('RFC 6793 4.1', 'sent by a speaker of 4-octet AS numbers', start)
    if (end - start < 6) return discarded('RFC 6793 6', `length ${end - start}`, start)
    return checkAsPath(buffer, start, end, 4, true, discarded)
  },
  decode: (buffer, start, end) => decodeAsPath(buffer, start, end, 4),
  encode: (writer, value) => encodeAsPath(writer, value, 4),
  print: printAsPath,
  parse: parseAsPath,
  toJson: printAsPath,
}
