/**
 * A private network for one test file: its process moves into a network namespace of its own, with only a loopback
 * interface that carries the addresses of the test. Children inherit it; it vanishes with the last of them, so there is
 * nothing to clean up and no name to collide with.
 */
import { execFileSync } from 'node:child_process'
import { CLONE, unshare } from '@starling/sys'

let entered = false

/** Call once, before any socket is opened. Addresses go on the loopback interface as host addresses. */
export function enterPrivateNetwork(addresses: readonly string[]): void {
  if (!entered) {
    unshare(CLONE.NEWNET)
    ip('link set lo up')
    entered = true
  }
  for (const address of addresses) {
    ip(address.includes(':') ? `-6 address add ${address}/128 dev lo nodad` : `address add ${address}/32 dev lo`)
  }
}

/** `ip` in the private network; throws with its words. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { stdio: 'pipe' }).toString()
}
