/**
 * The bytes of a file to the text of its documents: UTF-8, or UTF-16 where a byte order mark says so (YAML 1.2.2 section 5.2).
 *
 * Bytes that are neither are refused with their line. Replaced by U+FFFD, as Node's own reading does, a name saved in Latin-1
 * would go into the datastore as another name.
 */

export type DecodedText = { readonly text: string } | { readonly line: number; readonly reason: string }

const NEWLINE = 0x0a

export function decodeText(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes
  const marked =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : undefined
  const text = decode(bytes, marked ?? 'utf-8')
  if (text === undefined)
    return marked === undefined ? notUtf8(bytes) : { line: 1, reason: 'is not UTF-16, as its first bytes say' }
  const nul = text.indexOf('\0')
  // Files that were put together with `cat` have marks of their own at the beginning of a line.
  if (nul < 0) return { text: text.replace(/^\ufeff/gm, '') }
  const line = text.slice(0, nul).split('\n').length
  return { line, reason: 'holds a NUL character: is this UTF-16 without a byte order mark, or no text at all?' }
}

/** Byte order marks are left out, errors are not repaired. */
function decode(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** A sequence of UTF-8 never holds a newline, so the first line that does not decode by itself is the one. */
function notUtf8(bytes: Uint8Array): DecodedText {
  let line = 1
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(NEWLINE, start)
    const stop = end < 0 ? bytes.length : end
    if (decode(bytes.subarray(start, stop), 'utf-8') === undefined) break
    start = stop + 1
  }
  return { line, reason: 'is not UTF-8 text; save the file as UTF-8' }
}
