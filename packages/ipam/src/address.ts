/**
 * Addresses between text and bytes, through the house's own prefix: a bare address is the host route of itself.
 */
import { Prefix } from '@starling/inet'

export function addressText(bytes: Uint8Array): string {
  const text = Prefix.host(bytes).toString()
  return text.slice(0, text.indexOf('/'))
}

export function addressBytes(text: string): Uint8Array | undefined {
  return text.includes('/') ? undefined : Prefix.parseOrHost(text)?.bytes
}
