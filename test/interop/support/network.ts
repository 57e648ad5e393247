/**
 * A private network for one test file: its process moves into a network namespace of its own, where each party of the
 * test has an interface with its addresses. Everything stays on this machine's loopback path. Children inherit the
 * namespace; it vanishes with the last of them, so there is nothing to clean up and no name to collide with.
 */
import { execFileSync } from 'node:child_process'
import { CLONE, unshare } from '@starling/sys'

let parties = 0

/** Call once, before any socket is opened: one list of addresses per party. */
export function enterPrivateNetwork(...lists: readonly (readonly string[])[]): void {
  unshare(CLONE.NEWNET)
  ip('link set lo up')
  for (const addresses of lists) addParty(addresses)
}

/** One more party: an interface `party<n>` with these host addresses. Returns its name. */
export function addParty(addresses: readonly string[]): string {
  const name = `party${++parties}`
  // The far end exists only because a virtual link has two.
  ip(`link add ${name} type veth peer name ${name}x`)
  ip(`link set ${name} up`)
  ip(`link set ${name}x up`)
  for (const address of addresses) {
    ip(
      address.includes(':')
        ? `-6 address add ${address}/128 dev ${name} nodad`
        : `address add ${address}/32 dev ${name}`,
    )
  }
  return name
}

/** `ip` in the private network; throws with its words. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { stdio: 'pipe' }).toString()
}
