/**
 * COMMUNITIES (RFC 1997) and LARGE_COMMUNITY (RFC 8092): lists of tags, their names and text.
 *
 * Well-known names are those of the IANA registry; text is `65001:100`, `no-export`, and `64496:1:2` for large ones.
 * Judged by RFC 7606 section 7.8 and RFC 8092 section 5.
 */

import { AttributeCode, Flag } from '../constants.js'
import { u32 } from '../read.js'
import { type AttributeDescriptor, badLength, parseDecimal, parseList } from './descriptor.js'

const OPTIONAL_TRANSITIVE = Flag.optional | Flag.transitive

export const Community = {
  gracefulShutdown: 0xffff0000,
  acceptOwn: 0xffff0001,
  llgrStale: 0xffff0006,
  noLlgr: 0xffff0007,
  blackhole: 0xffff029a,
  noExport: 0xffffff01,
  noAdvertise: 0xffffff02,
  noExportSubconfed: 0xffffff03,
  noPeer: 0xffffff04,
} as const

const WELL_KNOWN: readonly [number, string][] = [
  [Community.gracefulShutdown, 'graceful-shutdown'],
  [Community.acceptOwn, 'accept-own'],
  [0xffff0002, 'route-filter-translated-v4'],
  [0xffff0003, 'route-filter-v4'],
  [0xffff0004, 'route-filter-translated-v6'],
  [0xffff0005, 'route-filter-v6'],
  [Community.llgrStale, 'llgr-stale'],
  [Community.noLlgr, 'no-llgr'],
  [0xffff0008, 'accept-own-nexthop'],
  [0xffff0009, 'standby-pe'],
  [Community.blackhole, 'blackhole'],
  [Community.noExport, 'no-export'],
  [Community.noAdvertise, 'no-advertise'],
  [Community.noExportSubconfed, 'no-export-subconfed'],
  [Community.noPeer, 'no-peer'],
]
const NAME_OF = new Map(WELL_KNOWN)
const VALUE_OF = new Map(WELL_KNOWN.map(([value, name]) => [name, value]))

/** "no-export" or "65001:100". */
export function printCommunity(value: number): string {
  return NAME_OF.get(value >>> 0) ?? `${value >>> 16}:${value & 0xffff}`
}

export function parseCommunity(text: string): number | undefined {
  const named = VALUE_OF.get(text)
  if (named !== undefined) return named
  const colon = text.indexOf(':')
  const high = parseDecimal(text.slice(0, Math.max(0, colon)), 0xffff)
  const low = parseDecimal(text.slice(colon + 1), 0xffff)
  return high === undefined || low === undefined ? undefined : ((high << 16) | low) >>> 0
}

export const communities: AttributeDescriptor<readonly number[]> = {
  code: AttributeCode.communities,
  name: 'COMMUNITIES',
  key: 'communities',
  flags: OPTIONAL_TRANSITIVE,
  check: (_, start, end) =>
    end > start && (end - start) % 4 === 0 ? undefined : badLength('RFC 7606 7.8', end - start),
  decode(buffer, start, end) {
    const list: number[] = []
    for (let at = start; at + 4 <= end; at += 4) list.push(u32(buffer, at))
    return list
  },
  encode(writer, value) {
    for (const community of value) writer.u32(community)
  },
  print: (value) => value.map(printCommunity).join(' '),
  parse: (text) => parseList(text, parseCommunity),
  toJson: (value) => value.map(printCommunity),
}

export interface LargeCommunity {
  readonly global: number
  readonly local1: number
  readonly local2: number
}

export function printLargeCommunity(value: LargeCommunity): string {
  return `${value.global}:${value.local1}:${value.local2}`
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const parts = text.split(':')
  const [global, local1, local2] = parts.map((part) => parseDecimal(part))
  if (parts.length !== 3 || global === undefined || local1 === undefined || local2 === undefined) return undefined
  return { global, local1, local2 }
}

export const largeCommunities: AttributeDescriptor<readonly LargeCommunity[]> = {
  code: AttributeCode.largeCommunities,
  name: 'LARGE_COMMUNITY',
  key: 'largeCommunities',
  flags: OPTIONAL_TRANSITIVE,
  check: (_, start, end) =>
    end > start && (end - start) % 12 === 0 ? undefined : badLength('RFC 8092 6', end - start),
  decode(buffer, start, end) {
    const list: LargeCommunity[] = []
    for (let at = start; at + 12 <= end; at += 12) {
      list.push({ global: u32(buffer, at), local1: u32(buffer, at + 4), local2: u32(buffer, at + 8) })
    }
    return list
  },
  encode(writer, value) {
    for (const community of value) {
      writer.u32(community.global)
      writer.u32(community.local1)
      writer.u32(community.local2)
    }
  },
  print: (value) => value.map(printLargeCommunity).join(' '),
  parse: (text) => parseList(text, parseLargeCommunity),
  toJson: (value) => value.map(printLargeCommunity),
}
