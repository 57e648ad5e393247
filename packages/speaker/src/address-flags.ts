/**
 * How lasting our IPv6 addresses are, as the kernel lists them in /proc/net/if_inet6: what os.networkInterfaces leaves out.
 *
 * A link that autoconfigures (RFC 4862) has addresses beside the configured one, temporary ones among them that change
 * every day (RFC 8981): a next hop that is one of those takes the routes with it when it goes.
 */
import { readFileSync } from 'node:fs'

/** linux/if_addr.h, the octet that the file shows. */
const TEMPORARY = 0x01
const DADFAILED = 0x08
const DEPRECATED = 0x20
const TENTATIVE = 0x40
const PERMANENT = 0x80

/** By the 32 hexadecimal digits of the address. */
export type AddressFlags = ReadonlyMap<string, number>

/** Address, interface number, prefix length, scope, flags, interface. */
export function parseAddressFlags(text: string): AddressFlags {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [address, , , , flags] = line.trim().split(/\s+/)
    if (address?.length === 32 && flags !== undefined) found.set(address, Number.parseInt(flags, 16))
  }
  return found
}

/** Nothing where there is no such file: then every address is as good as another. */
export function addressFlags(): AddressFlags {
  try {
    return parseAddressFlags(readFileSync('/proc/net/if_inet6', 'utf8'))
  } catch {
    return new Map()
  }
}

/** Smaller is better: configured, autoconfigured, temporary, on its way out, not usable (yet). */
export function lasting(flags: number | undefined): number {
  if (flags === undefined) return 1
  if ((flags & (TENTATIVE | DADFAILED)) !== 0) return 4
  if ((flags & DEPRECATED) !== 0) return 3
  if ((flags & TEMPORARY) !== 0) return 2
  return (flags & PERMANENT) !== 0 ? 0 : 1
}
