/**
 * The engine lists every community of a route as one mixed list of texts; what reads BIRD wants three lists of numbers.
 * Both the control socket and birdwatcher's API write from here, so that they agree.
 */
import { parseCommunity, parseLargeCommunity } from '@starling/bgp-packet'

export interface SplitCommunities {
  /** RFC 1997: the two halves; names are resolved. */
  readonly plain: number[][]
  /** RFC 8092. */
  readonly large: number[][]
  /** RFC 4360: three texts; what has no name of its own is `generic` and its two words, as BIRD writes it. */
  readonly extended: string[][]
}

export function splitCommunities(all: readonly string[]): SplitCommunities {
  const plain: number[][] = []
  const large: number[][] = []
  const extended: string[][] = []
  for (const text of all) {
    const value = parseCommunity(text)
    const parts = parseLargeCommunity(text)
    if (value !== undefined) plain.push([value >>> 16, value & 0xffff])
    else if (parts !== undefined) large.push([parts.global, parts.local1, parts.local2])
    else if (text.startsWith('0x')) extended.push(['generic', text.slice(0, 10), `0x${text.slice(10)}`])
    else extended.push(text.split(':'))
  }
  return { plain, large, extended }
}
