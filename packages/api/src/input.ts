/**
 * Text from outside to prefixes and cursors, or a clear refusal.
 *
 * The engine asks for canonical prefix text. Address parsing is the platform's (`node:net`), canonical form that of
 * RFC 5952; host bits are cut rather than refused, because people paste addresses with their mask.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import type { FamilyName } from '@starling/engine'

export interface ParsedPrefix {
  readonly family: FamilyName
  /** Canonical text. */
  readonly text: string
  readonly address: string
  readonly length: number
}

const LONGEST = 49

/** `10.244.1.0/26`, `10.244.1.7` (host route), `fd00::/64`; undefined for anything else. */
export function parsePrefix(text: string): ParsedPrefix | undefined {
  if (text.length > LONGEST) return undefined
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined
  if (family === undefined) return undefined
  const width = family === 'ipv4' ? 32 : 128
  const lengthText = slash < 0 ? String(width) : text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined
  const length = Number(lengthText)
  if (length > width) return undefined
  const network = formatBytes(mask(bytesOf(address, family), length), family)
  return { family, text: `${network}/${length}`, address: network, length }
}

function bytesOf(address: string, family: FamilyName): Uint8Array {
  if (family === 'ipv4') return Uint8Array.from(address.split('.').map(Number))
  // An embedded dotted tail becomes two groups first.
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (high: string | undefined, low: string | undefined): string =>
    ((Number(high) << 8) | Number(low)).toString(16)
  const plain = tail === null ? address : `${tail[1]}${hex(tail[2], tail[3])}:${hex(tail[4], tail[5])}`
  const [left = '', right] = plain.split('::')
  const head = left === '' ? [] : left.split(':')
  const rest = right === undefined || right === '' ? [] : right.split(':')
  const groups = [...head, ...new Array<string>(8 - head.length - rest.length).fill('0'), ...rest]
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
}

function mask(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => {
    const keep = Math.min(8, Math.max(0, length - i * 8))
    return byte & (0xff00 >> keep)
  })
}

function formatBytes(bytes: Uint8Array, family: FamilyName): string {
  if (family === 'ipv4') return bytes.join('.')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}
