/**
 * A programmer as a process of its own, for tests that kill and restart it. Arguments: `--hold` keeps leftovers, then
 * wishes as `prefix=gateway[,gateway]`. Prints one JSON line of counters whenever it comes to rest.
 */

import { type DesiredRoute, RouteProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, systemClock } from '@starling/route-programmer/netlink'

export function parseWish(text: string): DesiredRoute {
  const [prefix = '', gateways = ''] = text.split('=')
  const [address = '', length] = prefix.split('/')
  const bytes = (dotted: string) => Uint8Array.from(dotted.split('.').map(Number))
  return {
    destination: { family: 4, address: bytes(address), length: Number(length) },
    kind: 'unicast',
    nextHops: gateways.split(',').map((gateway) => ({ gateway: bytes(gateway) })),
    why: 'test agent',
  }
}

export function main(args: readonly string[]): void {
  const wishes = args.filter((arg) => !arg.startsWith('--')).map(parseWish)
  let last = ''
  const programmer = new RouteProgrammer(
    new NetlinkDriver(),
    systemClock,
    {},
    {
      idle: () => {
        const text = JSON.stringify(programmer.reconciler.counters)
        if (programmer.reconciler.counters.reads > 0 && text !== last) console.log(text)
        last = text
      },
    },
  )
  for (const wish of wishes) programmer.set(wish)
  programmer.start()
  if (!args.includes('--hold')) programmer.allowDeletes()
  setInterval(() => undefined, 60_000)
}
