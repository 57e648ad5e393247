/**
 * Peer-supplied text made safe for a log line, a terminal or a page.
 *
 * Host names, shutdown messages and descriptions come from strangers (ux.md 8; reliability.md on injected JSON). Every
 * one passes through here before it is shown: control characters, line separators and direction overrides become
 * visible escapes, and the length is bounded.
 */

const UNSAFE =
  // C0 and DEL, C1, soft hyphen, Arabic letter mark, zero-width and direction marks, line separators, BOM, surrogates.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export function escapeText(text: string, limit = 256): string {
  // Cut before escaping: the regular expression then never sees more than a bounded text.
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text
  return cut.replace(
    UNSAFE,
    (character) => NAMED[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const NONE: ReadonlySet<string> = new Set()
export const REDACTED = '[redacted]'

/** The same for every string inside a plain value, deep but bounded; keys are ours and stay. Secrets are cut out by key. */
export function escapeDeep(value: unknown, depth = 6, secrets = NONE): unknown {
  if (typeof value === 'string') return escapeText(value, 1024)
  if (depth === 0 || value === null || typeof value !== 'object') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
  if (Array.isArray(value)) return value.map((item) => escapeDeep(item, depth - 1, secrets))
  const safe = (key: string, item: unknown) => (secrets.has(key) ? REDACTED : escapeDeep(item, depth - 1, secrets))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, safe(key, item)]))
}
