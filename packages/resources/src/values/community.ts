/**
 * Communities in text: `aa:nn` (RFC 1997, two octets each) and `aa:nn:mm` (large, RFC 8092, four octets each).
 */
export type CommunityKind = 'standard' | 'large'

/** Canonical text (no leading zeros) and kind, or undefined. */
export function parseCommunity(text: string): { readonly kind: CommunityKind; readonly text: string } | undefined {
  const parts = text.split(':')
  const limit = parts.length === 2 ? 65535 : 4294967295
  if (parts.length !== 2 && parts.length !== 3) return undefined
  for (const part of parts) if (!/^\d{1,10}$/.test(part) || Number(part) > limit) return undefined
  return { kind: parts.length === 2 ? 'standard' : 'large', text: parts.map(Number).join(':') }
}
