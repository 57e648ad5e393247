/** Base64 (RFC 4648 section 4) to UTF-8 text: the `data` of a Kubernetes Secret. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUE = new Map([...ALPHABET].map((c, i) => [c, i]))

/** Undefined when the text is not base64 of valid UTF-8. White space inside is ignored. */
export function decodeBase64Text(text: string): string | undefined {
  const compact = text.replace(/\s+/g, '').replace(/={0,2}$/, '')
  if (compact.length % 4 === 1) return undefined
  let encoded = ''
  let bits = 0
  let held = 0
  for (const c of compact) {
    const value = VALUE.get(c)
    if (value === undefined) return undefined
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      encoded += `%${((bits >> held) & 0xff).toString(16).padStart(2, '0')}`
    }
  }
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}
