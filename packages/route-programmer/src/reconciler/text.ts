/** Words for people: prefixes, protocols, conflicts; and the globs of interface names. */

import { Prefix } from '@starling/inet'
import type { Destination, KernelRoute } from '../routes.js'

/** rt_protos of iproute2, the ones met on cluster nodes. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'unspec',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  9: 'ra',
  11: 'zebra',
  12: 'bird',
  16: 'dhcp',
  80: 'Felix',
  186: 'bgp',
  196: 'static (FRR)',
}

export function destinationText({ address, length }: Destination): string {
  return Prefix.from(address, length)?.toString() ?? `/${length}`
}

export function protocolText(protocol: number): string {
  const name = PROTOCOLS[protocol]
  return name === undefined ? `protocol ${protocol}` : `protocol ${name} (${protocol})`
}

export function conflictText(route: KernelRoute, device: string): string {
  const via = device === '' ? route.kind : `via ${device}`
  const metric = route.metric === 0 ? '' : ` metric ${route.metric}`
  return `${destinationText(route.destination)}${metric} is held by a route of ${protocolText(route.protocol)} ${via}`
}

export function rivalText({ destination }: KernelRoute): string {
  return `${destinationText(destination)} comes back under our protocol bird (12) although nobody here wants it: does BIRD or another agent still run on this host?`
}

/** `cali*` and `eth?` to a test; every other character is itself. */
export function globs(patterns: readonly string[]): (name: string) => boolean {
  const tests = patterns.map((pattern) => {
    const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`)
  })
  return (name) => tests.some((test) => test.test(name))
}
