/**
 * Two ToRs, a BIRD and an FRR, that announce the same prefixes of both families with a link bandwidth each: one
 * multipath route with weights, which follow the links; and a million-route neighbour that costs no session its timers.
 */
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { startStarling } from './support/starling.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const US = '10.92.0.1'
const [FIRST, SECOND] = ['10.92.0.2', '10.92.0.3'] as const
const PREFIX = '10.200.0.0/24'
const PREFIX6 = 'fd20::/64'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000], holdTime: 3, keepaliveTime: 1 })
/** Routes of the large neighbour; docs/tor.md has the figures of a million. */
const FEED = Number(process.env['STARLING_FEED_ROUTES'] ?? 100_000)
/** Of BFD beside it, in milliseconds: 50 needs an idle machine, 100 one that never stands still for 300. */
const INTERVAL = Number(process.env['STARLING_BFD_INTERVAL'] ?? 300)

let far: FarSide
beforeAll(() => {
  far = new FarSide([`${US}/24`, 'fd92::1/64'], [`${FIRST}/24`, `${SECOND}/24`, 'fd92::2/64', 'fd92::3/64'])
})
afterEach(stopAll)
afterAll(() => far.remove())

/** 10 Gbit/s are 1.25e9 octets a second: 0x4e9502f9 as an IEEE single. The AS is 65000. */
const bird = (type: string, value: string, as: number) =>
  far.bird(`router id ${FIRST};
protocol device {}
protocol static { ipv4; route ${PREFIX} blackhole; }
protocol static { ipv6; route ${PREFIX6} blackhole; }
filter out4 { bgp_ext_community.add((generic, ${type}, ${value})); accept; }
filter out6 { bgp_ext_community.add((generic, ${type}, ${value})); bgp_next_hop = fd92::2; accept; }
protocol bgp starling {
  local ${FIRST} as ${as}; neighbor ${US} as 65000; direct; strict bind;
  connect delay time 1; connect retry time 1;
  ipv4 { import all; export filter out4; next hop self; };
  ipv6 { import all; export filter out6; };
}`)

/** FRR counts in Mbit/s. */
const frr = (megabits: number, as: number) =>
  far.frr(`router bgp ${as}
 bgp router-id ${SECOND}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${US} remote-as 65000
 neighbor ${US} update-source ${SECOND}
 neighbor ${US} timers connect 1
 address-family ipv4 unicast
  network ${PREFIX}
  neighbor ${US} route-map out out
 exit-address-family
 address-family ipv6 unicast
  network ${PREFIX6}
  neighbor ${US} activate
  neighbor ${US} route-map out6 out
 exit-address-family
!
route-map out permit 10
 set extcommunity bandwidth ${megabits}${as === 65_000 ? ' non-transitive' : ''}
!
route-map out6 permit 10
 set extcommunity bandwidth ${megabits}${as === 65_000 ? ' non-transitive' : ''}
 set ipv6 next-hop global fd92::3
!
`)

const peers = (ases: readonly [number, number] = [65_001, 65_002]) =>
  [FIRST, SECOND].map((address, i) => testPeer(address, { localAddress: US, remoteAs: ases[i] ?? 0, timers: QUICK }))

describe('two ToRs', () => {
  // Both daemons take a non-transitive community off towards another AS (RFC 4360 section 6).
  it.each([
    ['eBGP, the transitive community', '0x0004fde8', [65_001, 65_002]],
    ['iBGP, the non-transitive one', '0x4004fde8', [65_000, 65_000]],
  ] as const)('share traffic as their links allow: %s', async (_what, type, ases) => {
    const decision = { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 8, multipathRelax: true }
    const us = later(await startStarling(testConfig(US, peers(ases), { decision }), US))
    const first = later(await bird(type, '0x4e9502f9', ases[0]))
    const second = later(await frr(20_000, ases[1]))
    const shows = (prefix: string, wanted: string) =>
      eventually(`${prefix} goes over ${wanted}`, () => us.weights.get(prefix) === wanted, {
        state: () => JSON.stringify([...us.weights]),
      })
    await shows(PREFIX, `${FIRST}*1 ${SECOND}*2`)
    await shows(PREFIX6, 'fd92::2*1 fd92::3*2')
    // A link of the second one fails: a fifth of its bandwidth is left.
    await second.ask(
      `configure terminal\nroute-map out permit 10\nset extcommunity bandwidth 4000${ases[1] === 65_000 ? ' non-transitive' : ''}`,
    )
    await shows(PREFIX, `${FIRST}*5 ${SECOND}*2`)
    await first.stop()
    await shows(PREFIX, `${SECOND}*1`)
  })
})

describe('under the feed of a large neighbour', () => {
  it(`a hold time of 3 s and BFD at 3 x ${INTERVAL} ms stay up`, async () => {
    const watch = { remoteAddress: FIRST, localAddress: US, interval: INTERVAL, multiplier: 3, passive: false }
    const us = later(await startStarling(testConfig(US, peers()), US, { bfd: new Map([[FIRST, watch]]) }))
    later(
      await far.bird(`router id ${FIRST};
protocol device {}
protocol bfd { interface "far0" { interval ${INTERVAL} ms; multiplier 3; }; }
protocol bgp starling {
  local ${FIRST} as 65001; neighbor ${US} as 65000; direct; strict bind; bfd on; hold time 3;
  connect delay time 1; connect retry time 1;
  ipv4 { import all; export none; };
}`),
    )
    await us.until(FIRST, 'Established')
    await eventually('BFD is up', () => us.speaker.bfd.view(FIRST)?.state === 'Up')
    const routes = Array.from(
      { length: FEED },
      (_, i) => `route ${30 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24 blackhole;`,
    )
    const begin = performance.now()
    later(
      await far.bird(`router id ${SECOND};
protocol device {}
protocol static { ipv4; ${routes.join('\n')} }
protocol bgp starling {
  local ${SECOND} as 65002; neighbor ${US} as 65000; direct; strict bind; hold time 3;
  connect delay time 1; connect retry time 1;
  ipv4 { import all; export all; };
}`),
    )
    await eventually('all routes are here', () => us.routes.size === FEED, {
      limit: 200_000,
      state: () => `${us.routes.size} of ${FEED}`,
    })
    const { lateness } = us.speaker.bfd.statistics
    console.log(
      `${FEED} routes in ${((performance.now() - begin) / 1000).toFixed(1)} s; BFD 3 x ${INTERVAL} ms and a hold time of 3 s stay ` +
        `up; BFD timers late p50 ${lateness.p50.toFixed(1)} ms, p99 ${lateness.p99.toFixed(1)} ms, max ${lateness.maximum.toFixed(1)} ms`,
    )
    expect(us.speaker.bfd.view(FIRST)).toMatchObject({ state: 'Up', downs: 0 })
    for (const peer of [FIRST, SECOND]) expect(us.view(peer)).toMatchObject({ state: 'Established', flaps: 0 })
  })
})
