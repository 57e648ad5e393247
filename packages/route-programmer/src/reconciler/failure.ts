/**
 * What a refused write means: the words for an operator and how soon to try again. Errors that a change of the network
 * cures are tried again at once when links, addresses or foreign routes change; the back-off is for what nobody announces.
 */

import type { WriteOutcome } from '../driver.js'

export const ERRNO = {
  EPERM: 1,
  ESRCH: 3,
  ENOMEM: 12,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
} as const

const WORDS: Readonly<Record<number, string>> = {
  1: 'not permitted (the process lacks NET_ADMIN)',
  3: 'no such route',
  12: 'the kernel is out of memory or route cache space',
  17: 'another route already holds this key',
  19: 'the interface does not exist',
  22: 'the kernel rejects the route as invalid',
  95: 'the kernel does not support this kind of route',
  97: 'the kernel lacks this address family',
  100: 'the interface is down',
  101: 'the next hop is not directly reachable',
  105: 'the kernel ran out of buffer space',
  113: 'the next hop is unreachable',
}

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 30_000
/** Lack of permission does not heal by itself. */
const PERMISSION_RETRY_MS = 30_000

export interface Failure {
  readonly errno: number
  readonly text: string
  readonly attempts: number
  readonly retryAt: number
}

/** `ENETUNREACH: the next hop is not directly reachable (Nexthop has invalid gateway)`. */
export function failureText(outcome: WriteOutcome): string {
  const words = WORDS[outcome.errno] ?? 'the kernel refuses the route'
  const name = outcome.name ?? `errno ${outcome.errno}`
  return `${name}: ${words}${outcome.text === undefined || outcome.text === '' ? '' : ` (${outcome.text})`}`
}

export function nextFailure(previous: Failure | undefined, outcome: WriteOutcome, now: number): Failure {
  const attempts = (previous?.attempts ?? 0) + 1
  const delay =
    outcome.errno === ERRNO.EPERM
      ? PERMISSION_RETRY_MS
      : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 16))
  return { errno: outcome.errno, text: failureText(outcome), attempts, retryAt: now + delay }
}
