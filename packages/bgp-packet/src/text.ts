/**
 * Octets to text and back without help from the platform: hexadecimal and UTF-8.
 *
 * Own UTF-8, because this package runs where neither Node's Buffer nor TextDecoder is promised, and because peer text
 * is attack surface: an invalid sequence is `undefined`, never a guess. `printable` makes peer text safe for a terminal.
 */

const HEX = Array.from({ length: 256 }, (_, b) => b.toString(16).padStart(2, '0'))

export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const b of bytes) text += HEX[b]
  return text
}

/** Octets of hexadecimal text (blanks and colons between octets allowed), or undefined. */
export function parseHex(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length >>> 1)
  let size = 0
  let high = -1
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 32 || c === 58 || c === 9) {
      if (high >= 0) return undefined
      continue
    }
    const lower = c | 32
    const digit = c >= 48 && c <= 57 ? c - 48 : lower >= 97 && lower <= 102 ? lower - 87 : -1
    if (digit < 0) return undefined
    if (high < 0) {
      high = digit
    } else {
      bytes[size++] = (high << 4) | digit
      high = -1
    }
  }
  return high >= 0 ? undefined : bytes.subarray(0, size)
}

/** UTF-8 (RFC 3629) to text; undefined for overlong forms, surrogates, truncation and anything else invalid. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  let text = ''
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i++]
    if (first < 0x80) {
      text += String.fromCharCode(first)
      continue
    }
    const more = first >= 0xc2 && first <= 0xdf ? 1 : first >> 4 === 14 ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0
    if (more === 0 || i + more > bytes.length) return undefined
    let point = first & (0x3f >> more)
    for (let k = 0; k < more; k++) {
      const next = bytes[i++]
      if ((next & 0xc0) !== 0x80) return undefined
      point = (point << 6) | (next & 0x3f)
    }
    if (more === 2 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) return undefined
    if (more === 3 && (point < 0x10000 || point > 0x10ffff)) return undefined
    text += String.fromCodePoint(point)
  }
  return text
}

export function utf8Encode(text: string): Uint8Array {
  const out: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    if (point < 0x80) out.push(point)
    else if (point < 0x800) out.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f))
    else if (point < 0x10000) {
      // A lone surrogate has no UTF-8 form: U+FFFD takes its place.
      const safe = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
      out.push(0xe0 | (safe >> 12), 0x80 | ((safe >> 6) & 0x3f), 0x80 | (safe & 0x3f))
    } else
      out.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 0x3f), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 63))
  }
  return Uint8Array.from(out)
}

/** Peer text for a terminal or a log line: control characters (C0, DEL, C1, bidirectional marks) escaped. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
