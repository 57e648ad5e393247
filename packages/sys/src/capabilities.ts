/**
 * What this process may do and what this kernel can do, asked before anything is tried: programs refuse politely
 * instead of failing half-way. Capabilities come from /proc/self/status (no native call), features from a probe socket.
 */

import { readFileSync } from 'node:fs'
import { close, setsockopt, socket } from './calls.js'
import { AF, SOCK, SOL, TCP } from './constants.js'
import { ERRNO, SysError } from './errno.js'
import { hasNative } from './libc.js'
import { setMd5Key } from './tcp-options.js'

/** Effective capabilities of this process, numbers as in linux/capability.h. */
export interface Capabilities {
  netAdmin: boolean
  netRaw: boolean
  netBindService: boolean
  sysAdmin: boolean
}

/** All false where /proc is absent. */
export function capabilities(statusFile = '/proc/self/status'): Capabilities {
  let mask = 0n
  try {
    const found = /^CapEff:\s*([0-9a-f]+)$/im.exec(readFileSync(statusFile, 'utf8'))
    if (found !== null) mask = BigInt(`0x${found[1]}`)
  } catch {
    // not Linux: no capabilities to speak of
  }
  const has = (bit: bigint) => ((mask >> bit) & 1n) === 1n
  return { netBindService: has(10n), netAdmin: has(12n), netRaw: has(13n), sysAdmin: has(21n) }
}

export type Feature = 'md5' | 'tcp-ao' | 'netlink'

const PROBES: Readonly<Record<Feature, () => boolean>> = {
  netlink: () => withSocket(AF.NETLINK, SOCK.RAW, () => true),
  md5: () =>
    withSocket(AF.INET, SOCK.STREAM, (fd) => {
      setMd5Key(fd, '192.0.2.1', 'probe')
      return true
    }),
  // A structure that is too short: a kernel that knows the option calls it invalid, others do not know the option.
  'tcp-ao': () =>
    withSocket(AF.INET, SOCK.STREAM, (fd) => {
      try {
        setsockopt(fd, SOL.TCP, TCP.AO_ADD_KEY, new Uint8Array(4))
        return true
      } catch (error) {
        return error instanceof SysError && error.errno !== ERRNO.ENOPROTOOPT
      }
    }),
}

const answers = new Map<Feature, boolean>()

/** True when the kernel and this build can do it; asked once per process. */
export function supports(feature: Feature): boolean {
  let answer = answers.get(feature)
  if (answer === undefined) {
    answer = hasNative() && probe(PROBES[feature])
    answers.set(feature, answer)
  }
  return answer
}

function probe(run: () => boolean): boolean {
  try {
    return run()
  } catch {
    return false
  }
}

function withSocket(domain: number, type: number, use: (fd: number) => boolean): boolean {
  const fd = socket(domain, type | SOCK.CLOEXEC, 0)
  try {
    return use(fd)
  } finally {
    close(fd)
  }
}
