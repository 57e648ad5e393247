/**
 * TCP MD5 keys a listener must have: those of the configured peers of its family, and of the ranges (RFC 2385).
 *
 * The kernel finds a key by the address alone. A listener on one link-local address therefore has the keys of that link,
 * and one for all addresses can only hold one key for the same link-local address behind several interfaces: peers that
 * lose are clashes, turned away by the listener (theirs takes our dial all the same).
 */
import type { EngineConfig } from '@starling/engine'
import { Prefix } from '@starling/inet'

/** Peer address or `address/length` to key. */
export type Keys = ReadonlyMap<string, string>

/** Under which name the kernel keeps the key of a peer. */
export function keyName(address: string): string {
  return address.split('%')[0] ?? address
}

/** `clashes` gets the peers, with their zone, whose connections the listener cannot check. */
export function keysFor(config: EngineConfig, listenAddress: string, clashes = new Set<string>()): Keys {
  const six = listenAddress.includes(':')
  const [, link] = listenAddress.split('%')
  const keys = new Map<string, string>()
  for (const { range, template } of config.dynamicNeighbors) {
    // Without host bits: the kernel compares the address of a prefix key as it stands.
    const prefix = Prefix.parse(range)
    if (prefix === undefined || template.password === undefined) continue
    if ((prefix.family === 'ipv6') === six) keys.set(prefix.toString(), template.password)
  }
  for (const { remoteAddress, password } of config.peers.values()) {
    if (password === undefined || remoteAddress.startsWith('%') || remoteAddress.includes(':') !== six) continue
    const [name = '', zone] = remoteAddress.split('%')
    // Who lives on another link cannot come here; a numbered peer can be claimed by anybody on this one.
    if (link !== undefined && zone !== undefined && zone !== link) continue
    const other = keys.get(name)
    if (zone !== undefined && other !== undefined && other !== password) clashes.add(remoteAddress)
    else keys.set(name, password)
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
