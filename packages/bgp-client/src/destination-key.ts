/**
 * A destination as the key of a map: its octets and its length as characters. A table that arrives at once asks for two
 * such keys a route, and words (`10.64.0.0/26`) would cost more than the rest of the bridge. The family is in the number
 * of characters. Never shown to anybody.
 */

export function destinationKey(address: Uint8Array, length: number): string {
  if (address.length === 4)
    return String.fromCharCode(address[0] ?? 0, address[1] ?? 0, address[2] ?? 0, address[3] ?? 0, length)
  return String.fromCharCode(...address, length)
}
