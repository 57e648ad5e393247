/** A BGP message taken apart by the codec that judged it: octets in rows, lines that know which octets they mean. */
import { decodeMessage, decodeTree, parseHex } from '@starling/bgp-packet'

export interface TreeLine {
  /** Octet where it begins; -1 for a line about the whole. */
  readonly offset: number
  readonly text: string
}

export interface Anatomy {
  readonly octets: Uint8Array
  readonly lines: readonly TreeLine[]
}

/** Undefined for text that is no hexadecimal. */
export function dissect(text: string): Anatomy | undefined {
  const octets = parseHex(text.replace(/\s+/g, ''))
  if (octets === undefined || octets.length === 0) return undefined
  const lines = decodeTree(octets, decodeMessage(octets)).map((line): TreeLine => {
    const offset = /^ *(\d+) {2}/.exec(line)?.[1]
    return offset === undefined
      ? { offset: -1, text: line }
      : { offset: Number(offset), text: line.replace(/^ *\d+ {2}/, '') }
  })
  return { octets, lines }
}

/** The octets a line speaks of: from its own offset to that of the next line. */
export function extent(lines: readonly TreeLine[], index: number, length: number): readonly [number, number] {
  const from = lines[index]?.offset ?? -1
  if (from < 0) return [0, 0]
  const next = lines.slice(index + 1).find(({ offset }) => offset > from)
  return [from, next?.offset ?? length]
}

const PER_ROW = 16

export function rowsOf(octets: Uint8Array): { readonly at: number; readonly octets: readonly number[] }[] {
  const rows = []
  for (let at = 0; at < octets.length; at += PER_ROW) rows.push({ at, octets: [...octets.subarray(at, at + PER_ROW)] })
  return rows
}
