/**
 * Weighted multipath with real packets: two next hops with weights 1 and 2, in IPv4 and in IPv6, and the flows that each of
 * them sees. A flow is a UDP port; a router counts the packets of its uplink by a filter of its own, so that neighbour
 * discovery is not among them.
 *
 *        host eth0 10.1.0.1, fd01::1 ---- 10.1.0.2, fd01::2 one        both: 10.100.0.7 and fd64::7
 *        host eth1 10.2.0.1, fd02::1 ---- 10.2.0.2, fd02::2 two
 */
import { createSocket } from 'node:dgram'
import { parseAddress } from '@starling/bgp-packet'
import { type DesiredRoute, RouteProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, systemClock } from '@starling/route-programmer/netlink'
import { afterEach, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { connect, eventually, inside, Namespace } from './netns.js'

needs('root', 'netns', 'ip')

const FLOWS = 1_200
/**
 * The share of one next hop is binomial if the kernel's hash is even: 3 standard deviations of 1,200 flows with p = 1/3 are
 * 49. One flow in twelve is room for a hash that is only nearly so, and far from the 600 of equal weights.
 */
const TOLERANCE = FLOWS / 12

const FAMILIES = {
  IPv4: { family: 4, prefix: ['10.100.0.0', 24], target: '10.100.0.7', gateways: ['10.1.0.2', '10.2.0.2'] },
  IPv6: { family: 6, prefix: ['fd64::', 64], target: 'fd64::7', gateways: ['fd01::2', 'fd02::2'] },
} as const

const places: Namespace[] = []
afterEach(() => {
  for (const place of places.splice(0)) place.destroy()
})

function rack(): { readonly host: Namespace; readonly routers: readonly [Namespace, Namespace] } {
  const [host, one, two] = ['host', 'one', 'two'].map((label) => new Namespace(label)) as [
    Namespace,
    Namespace,
    Namespace,
  ]
  places.push(host, one, two)
  host.sysctl('net.ipv4.fib_multipath_hash_policy', 1)
  host.sysctl('net.ipv6.fib_multipath_hash_policy', 1)
  for (const [i, router] of [one, two].entries()) {
    connect(host, `eth${i}`, router, 'port')
    host.ip(`addr add 10.${i + 1}.0.1/24 dev eth${i}`)
    host.ip(`addr add fd0${i + 1}::1/64 dev eth${i} nodad`)
    router.ip(`addr add 10.${i + 1}.0.2/24 dev port`)
    router.ip(`addr add fd0${i + 1}::2/64 dev port nodad`)
    router.ip('addr add 10.100.0.7/32 dev lo')
    router.ip('addr add fd64::7/128 dev lo')
    // The way back of the other router's source addresses, for the ICMP that nobody needs.
    router.sysctl('net.ipv4.conf.all.rp_filter', 0)
    router.sysctl('net.ipv4.conf.port.rp_filter', 0)
  }
  return { host, routers: [one, two] }
}

const octets = (text: string): Uint8Array => parseAddress(text) as Uint8Array

function wish(name: keyof typeof FAMILIES, weights: readonly number[]): DesiredRoute {
  const { family, prefix, gateways } = FAMILIES[name]
  return {
    destination: { family, address: octets(prefix[0]), length: prefix[1] },
    kind: 'unicast',
    nextHops: gateways.map((gateway, i) => ({ gateway: octets(gateway), weight: weights[i] as number })),
    why: 'test of weights',
  }
}

/** UDP packets that came to a router: nobody listens, so each is counted as one without a port. */
function datagrams(router: Namespace, name: keyof typeof FAMILIES): number {
  const text = router.exec('cat', name === 'IPv4' ? '/proc/net/snmp' : '/proc/net/snmp6')
  if (name === 'IPv6') return Number(/^Udp6NoPorts\s+(\d+)/m.exec(text)?.[1])
  const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith('Udp:'))
  return Number(values.split(' ')[names.split(' ').indexOf('NoPorts')])
}

async function send(name: keyof typeof FAMILIES): Promise<void> {
  const { family, target } = FAMILIES[name]
  for (let i = 0; i < FLOWS; i++) {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    // ICMP says that the port is closed; it does not matter to whom.
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.send('x', 9_000 + i, target, resolve))
    socket.close()
  }
}

describe.each(['IPv4', 'IPv6'] as const)('%s: two next hops', (name) => {
  it.each([
    ['weights 1 and 2', [1, 2], FLOWS / 3],
    ['weights 3 and 1', [3, 1], (FLOWS * 3) / 4],
    ['equal weights', [1, 1], FLOWS / 2],
  ] as const)('%s share the flows so', async (_what, weights, expected) => {
    const { host, routers } = rack()
    await inside(host, async () => {
      const programmer = new RouteProgrammer(new NetlinkDriver(), systemClock)
      programmer.start()
      programmer.allowDeletes()
      try {
        programmer.set(wish(name, weights))
        const shown = () => host.ip(`${name === 'IPv6' ? '-6 ' : ''}-o route show proto 12`)
        await eventually('the route is in the kernel', () => shown().includes(`weight ${weights[1]}`))
        await send(name)
        const counts = () => routers.map((router) => datagrams(router, name))
        await eventually('all packets arrive', () => counts().reduce((sum, count) => sum + count, 0) >= FLOWS)
        const [one = 0, two = 0] = counts()
        console.log(`${name}, weights ${weights.join(':')}: ${one} and ${two} of ${FLOWS} flows`)
        expect(one + two).toBe(FLOWS)
        expect(Math.abs(one - expected)).toBeLessThan(TOLERANCE)
      } finally {
        await programmer.stop()
      }
    })
  })
})
