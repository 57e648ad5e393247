/**
 * Routes of both families, both ways, with BIRD, FRR, GoBGP and OpenBGPD; refresh, ADD-PATH and graceful restart.
 */
import type { PeerConfig } from '@starling/engine'
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { type Daemon, startBird, startFrr, startGobgp, startOpenbgpd } from './support/daemon.js'
import { later, stopAll } from './support/later.js'
import { enterPrivateNetwork } from './support/network.js'
import { type Starling, startStarling } from './support/starling.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr', 'gobgp', 'openbgpd')

const US = '10.99.0.1'
const THEM = '10.99.0.2'
const US6 = 'fd99::1'
const THEM6 = 'fd99::2'
const QUICK = testTimers({ connectRetryTime: 2_000, idleHoldTime: [200, 1_000] })

beforeAll(() => enterPrivateNetwork([US, US6], [THEM, THEM6]))
afterEach(stopAll)

function peer(overrides: Partial<PeerConfig> = {}) {
  return testConfig(US, [testPeer(THEM, { localAddress: US, timers: QUICK, ...overrides })])
}

function announce(us: Starling, ...prefixes: string[]): void {
  for (const prefix of prefixes) {
    us.speaker.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' })
  }
}

const BIRD = (lines = '', channel = '') => `router id ${THEM};
protocol device {}
protocol static s4 { ipv4; route 10.20.0.0/24 blackhole; route 10.20.1.0/24 blackhole; }
protocol static s6 { ipv6; route fd20::/64 blackhole; }
protocol bgp starling {
  local ${THEM} as 65000; neighbor ${US} as 65000; strict bind; multihop; passive; ${lines}
  ipv4 { import all; export all; next hop self; import table; ${channel} };
  ipv6 { import all; export all; next hop address ${THEM6}; ${channel} };
}`

interface Foreign {
  readonly name: string
  start(): Promise<Daemon>
  /** Command and what it shows once our routes are there. */
  readonly has: readonly [command: string, pattern: RegExp][]
}

const FOREIGN: readonly Foreign[] = [
  {
    name: 'BIRD',
    start: () => startBird(BIRD()),
    has: [
      ['show route for 10.10.0.0/26', /10\.10\.0\.0\/26.*\[starling/s],
      ['show route for fd10::/122', /fd10::\/122.*\[starling/s],
    ],
  },
  {
    name: 'FRR',
    start: () =>
      startFrr(
        `router bgp 65000
 bgp router-id ${THEM}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${US} remote-as 65000
 neighbor ${US} passive
 neighbor ${US} capability extended-nexthop
 address-family ipv4 unicast
  network 10.20.0.0/24
  network 10.20.1.0/24
 exit-address-family
 address-family ipv6 unicast
  neighbor ${US} activate
  neighbor ${US} route-map V6 out
  network fd20::/64
 exit-address-family
route-map V6 permit 10
 set ipv6 next-hop global ${THEM6}
`,
        THEM,
      ),
    has: [
      ['show bgp ipv4 unicast 10.10.0.0/26', /10\.99\.0\.1/],
      ['show bgp ipv6 unicast fd10::/122', /fd99::1/],
    ],
  },
  {
    name: 'GoBGP',
    start: async () => {
      const daemon = await startGobgp(`[global.config]
as = 65000
router-id = "${THEM}"
port = 179
local-address-list = ["${THEM}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${US}"
    peer-as = 65000
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${THEM}"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
`)
      await daemon.ask(`global rib add 10.20.0.0/24 nexthop ${THEM}`)
      await daemon.ask(`global rib add 10.20.1.0/24 nexthop ${THEM}`)
      await daemon.ask(`global rib add -a ipv6 fd20::/64 nexthop ${THEM6}`)
      return daemon
    },
    has: [
      ['global rib', /10\.10\.0\.0\/26\s+10\.99\.0\.1/],
      ['global rib -a ipv6', /fd10::\/122\s+fd99::1/],
    ],
  },
  {
    name: 'OpenBGPD',
    start: () =>
      startOpenbgpd(`AS 65000
router-id ${THEM}
listen on ${THEM} port 179
fib-update no
network 10.20.0.0/24
network 10.20.1.0/24
network fd20::/64 set nexthop ${THEM6}
neighbor ${US} {
  remote-as 65000
  passive
  local-address ${THEM}
  announce IPv4 unicast
  announce IPv6 unicast
}
allow from any
allow to any`),
    has: [
      ['show rib in 10.10.0.0/26', /10\.10\.0\.0\/26/],
      ['show rib in fd10::/122', /fd10::\/122/],
    ],
  },
]

describe('routes of both families over one session', () => {
  for (const { name, start, has } of FOREIGN) {
    it(`go both ways with ${name}, and away again`, async () => {
      const them = later(await start())
      const us = later(await startStarling(peer(), US))
      announce(us, '10.10.0.0/26', '10.10.0.64/26', 'fd10::/122')
      await us.until(THEM, 'Established')
      for (const [command, pattern] of has) await them.shows(command, pattern)
      const wanted = () => us.routes.get('10.20.0.0/24') === THEM && us.routes.get('fd20::/64') === THEM6
      await eventually('their routes are ours', wanted, { state: () => JSON.stringify([...us.routes]) })
      expect(us.routes.get('10.20.1.0/24')).toBe(THEM)

      us.speaker.removeLocalRoute('static', '10.10.0.0/26')
      const [command, pattern] = has[0] ?? ['', /./]
      await eventually('our withdrawal arrives', async () => !pattern.test(await them.ask(command)))
      await them.stop()
      await eventually('all of theirs is gone or stale', () => us.view(THEM).state !== 'Established')
      expect(us.speaker.engine.internalErrors).toBe(0)
      expect(us.events.filter(({ type }) => type === 'bad-update')).toEqual([])
    })
  }
})

describe('with BIRD', () => {
  it('a refresh is asked and answered', async () => {
    const them = later(await startBird(BIRD()))
    const us = later(await startStarling(peer(), US))
    announce(us, '10.10.0.0/26')
    await us.until(THEM, 'Established')
    const before = us.view(THEM).messagesReceived.update
    expect(us.speaker.admin(THEM, 'refresh-in')).toBe(true)
    await eventually('the routes come again', () => us.view(THEM).messagesReceived.update > before)
    await them.ask('reload in starling')
    await eventually('BIRD asked', () => us.view(THEM).messagesReceived.routeRefresh > 0)
    await them.shows('show route for 10.10.0.0/26', /10\.10\.0\.0\/26/)
  })

  it('a changed import policy is applied to the routes that are there, without asking BIRD', async () => {
    later(await startBird(BIRD()))
    const us = later(await startStarling(peer(), US))
    await eventually('routes are there', () => us.routes.size === 3)
    const refreshes = us.view(THEM).messagesSent.routeRefresh
    await us.speaker.configure(
      peer({
        importPolicy: [
          {
            why: { resource: 'test', rule: 'none of it' },
            conditions: [
              {
                kind: 'prefix',
                negate: false,
                ranges: [{ family: 'ipv4', network: '10.20.1.0/24', minimum: 24, maximum: 32 }],
              },
            ],
            actions: [],
            verdict: 'reject',
          },
        ],
      }),
    )
    await eventually('one is refused', () => !us.routes.has('10.20.1.0/24') && us.routes.size === 2)
    await us.speaker.configure(peer())
    await eventually('it is back', () => us.routes.size === 3)
    expect(us.view(THEM)).toMatchObject({ flaps: 0, messagesSent: { routeRefresh: refreshes } })
  })

  it('several paths of one prefix travel with ADD-PATH', async () => {
    const addPath = { receive: true, send: Number.POSITIVE_INFINITY }
    const families = [testFamily('ipv4', { addPath }), testFamily('ipv6')]
    const them = later(await startBird(BIRD('', 'add paths on;')))
    const config = testConfig(US, [testPeer(THEM, { localAddress: US, timers: QUICK, families })], { clusterId: 1 })
    const us = later(await startStarling(config, US))
    const view = await us.until(THEM, 'Established')
    expect(view.families[0]).toMatchObject({ addPathReceive: true, addPathSend: true })
    announce(us, '10.20.0.0/24')
    await them.shows('show route for 10.20.0.0/24 all', /starling.*Path ID|BGP\.|10\.99\.0\.1/s)
  })

  it('our restart keeps our routes in BIRD, and its routes in our kernel', async () => {
    const them = later(await startBird(BIRD('graceful restart on;')))
    const first = await startStarling(peer(), US)
    announce(first, '10.10.0.0/26', 'fd10::/122')
    await first.until(THEM, 'Established')
    await them.shows('show route for 10.10.0.0/26', /starling/)
    await them.shows('show route for fd10::/122', /starling/)
    await first.stop('restart')
    await them.shows(
      'show protocols all starling',
      /graceful restart|Neighbor graceful restart|Connect|Active|Passive/i,
    )
    expect(await them.ask('show route for 10.10.0.0/26')).toMatch(/10\.10\.0\.0\/26/)
    const second = later(await startStarling(peer(), US, { restarting: true }))
    announce(second, '10.10.0.0/26')
    await second.until(THEM, 'Established')
    await eventually('their routes are there', () => second.routes.get('10.20.0.0/24') === THEM)
    await eventually(
      'what we no longer have is gone',
      async () => !/\[starling/.test(await them.ask('show route for fd10::/122')),
    )
    expect(await them.ask('show route for 10.10.0.0/26')).toMatch(/10\.10\.0\.0\/26/)
    const phases = second.events.flatMap((event) => (event.type === 'graceful-restart' ? [event.phase] : []))
    expect(phases).toEqual(['deferral-started', 'deferral-ended'])
  })

  it("BIRD's crash keeps its routes until the restart time, and its return renews them", async () => {
    const them = later(await startBird(BIRD('graceful restart on; graceful restart time 3;')))
    const us = later(await startStarling(peer(), US))
    await eventually('routes are there', () => us.routes.size === 3)
    them.kill('SIGKILL')
    await eventually('the session is gone', () => us.view(THEM).state !== 'Established')
    expect(us.routes.size).toBe(3)
    expect(us.view(THEM).families[0]).toMatchObject({ stale: 2 })
    await eventually('stale routes go after three seconds', () => us.routes.size === 0, { limit: 60_000 })
    later(await startBird(BIRD('graceful restart on; graceful restart time 3;')))
    await eventually('routes are there again', () => us.routes.size === 3)
  })
})
