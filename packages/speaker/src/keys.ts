/**
 * TCP MD5 keys a listener must have: those of the configured peers of its family, and of the ranges (RFC 2385).
 */
import type { EngineConfig } from '@starling/engine'
import { Prefix } from '@starling/inet'

/** Peer address or `address/length` to key. */
export type Keys = ReadonlyMap<string, string>

/** `fe80::1%eth0` keeps its zone: the kernel wants the scope. */
export function keysFor(config: EngineConfig, listenAddress: string): Keys {
  const six = listenAddress.includes(':')
  const keys = new Map<string, string>()
  for (const { range, template } of config.dynamicNeighbors) {
    // Without host bits: the kernel compares the address of a prefix key as it stands.
    const prefix = Prefix.parse(range)
    if (prefix === undefined || template.password === undefined) continue
    if ((prefix.family === 'ipv6') === six) keys.set(prefix.toString(), template.password)
  }
  for (const { remoteAddress, password } of config.peers.values()) {
    if (password !== undefined && remoteAddress.includes(':') === six) keys.set(remoteAddress, password)
  }
  return keys
}

/** What to set and what to remove to come from one set of keys to another. */
export function keyChanges(before: Keys, after: Keys): { set: [peer: string, key: string][]; remove: string[] } {
  const set = [...after].filter(([peer, key]) => before.get(peer) !== key)
  const remove = [...before.keys()].filter((peer) => !after.has(peer))
  return { set, remove }
}

/** Does any peer or range ask for GTSM (RFC 5082)? Then our SYN-ACKs must leave with TTL 255. */
export function wantsTtl(config: EngineConfig): boolean {
  for (const { ttlSecurity } of config.peers.values()) if (ttlSecurity > 0) return true
  return config.dynamicNeighbors.some(({ template }) => template.ttlSecurity > 0)
}
