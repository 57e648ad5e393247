/**
 * Capabilities as values: a union by `kind`, with everything unknown or unreadable as `opaque`.
 *
 * RFC 5492 asks to ignore what one does not understand, so an opaque capability is normal. It keeps its octets, and what was
 * received can be shown and sent again unchanged.
 */

export interface Family {
  readonly afi: number
  readonly safi: number
}

export interface MultiprotocolCapability extends Family {
  readonly kind: 'multiprotocol'
}
/** Capabilities that say all by being there. */
export interface FlagCapability {
  readonly kind: 'routeRefresh' | 'extendedMessage' | 'enhancedRouteRefresh'
}
export interface OrfCapability {
  readonly kind: 'outboundRouteFiltering'
  readonly entries: readonly (Family & {
    readonly filters: readonly { readonly type: number; readonly mode: number }[]
  })[]
}
/** RFC 8950: prefixes of `afi`/`safi` may have next hops of `nextHopAfi`. */
export interface ExtendedNextHopCapability {
  readonly kind: 'extendedNextHop'
  readonly entries: readonly (Family & { readonly nextHopAfi: number })[]
}
/** RFC 9234 section 4.1: 0 provider, 1 route server, 2 route server client, 3 customer, 4 peer. */
export interface RoleCapability {
  readonly kind: 'role'
  readonly role: number
}
/** RFC 4724, with the N bit of RFC 8538. */
export interface GracefulRestartCapability {
  readonly kind: 'gracefulRestart'
  readonly restarting: boolean
  readonly notification: boolean
  readonly restartTime: number
  readonly families: readonly (Family & { readonly forwarding: boolean })[]
}
export interface FourOctetAsCapability {
  readonly kind: 'fourOctetAs'
  readonly asn: number
}
/** RFC 7911: 1 the sender can receive, 2 can send, 3 both. Other values make the entry void, not the session. */
export interface AddPathCapability {
  readonly kind: 'addPath'
  readonly entries: readonly (Family & { readonly mode: number })[]
}
/** RFC 9494. */
export interface LlgrCapability {
  readonly kind: 'longLivedGracefulRestart'
  readonly families: readonly (Family & { readonly forwarding: boolean; readonly staleTime: number })[]
}
export interface FqdnCapability {
  readonly kind: 'fqdn'
  readonly hostname: string
  readonly domain: string
}
export interface SoftwareVersionCapability {
  readonly kind: 'softwareVersion'
  readonly version: string
}
export interface OpaqueCapability {
  readonly kind: 'opaque'
  readonly code: number
  readonly data: Uint8Array
}

export type Capability =
  | MultiprotocolCapability
  | FlagCapability
  | OrfCapability
  | ExtendedNextHopCapability
  | RoleCapability
  | GracefulRestartCapability
  | FourOctetAsCapability
  | AddPathCapability
  | LlgrCapability
  | FqdnCapability
  | SoftwareVersionCapability
  | OpaqueCapability

export type CapabilityKind = Capability['kind']

export const Role = { provider: 0, routeServer: 1, routeServerClient: 2, customer: 3, peer: 4 } as const
export const ROLE_NAMES: readonly string[] = ['provider', 'rs-server', 'rs-client', 'customer', 'peer']
