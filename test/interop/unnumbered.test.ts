/**
 * Unnumbered sessions with FRR and BIRD: neither side knows an address of the other. FRR finds us and is found by router
 * advertisements; BIRD takes whoever comes from a link-local address. IPv4 routes have IPv6 next hops both ways, in every
 * form the daemons can write them.
 */
import { type EngineConfig, type PeerConfig, unnumberedAddress } from '@starling/engine'
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { ip } from './support/network.js'
import { type Starling, startStarling } from './support/starling.js'
import { eventually, pause } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const KEY = unnumberedAddress('near0')
const ROUTER_ID = '10.99.0.1'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [100, 1_000], holdTime: 9, keepaliveTime: 3 })
const FAMILIES = [testFamily('ipv4', { extendedNextHop: true }), testFamily('ipv6')]

let far: FarSide
const running: { stop(): Promise<void> }[] = []
function later<T extends { stop(): Promise<void> }>(thing: T): T {
  running.push(thing)
  return thing
}

function peer(overrides: Partial<PeerConfig> = {}): PeerConfig {
  return testPeer(KEY, {
    interface: 'near0',
    remoteAs: 'external',
    families: FAMILIES,
    timers: QUICK,
    importDefault: 'accept',
    exportDefault: 'accept',
    ...overrides,
  })
}

function config(overrides: Partial<PeerConfig> = {}): EngineConfig {
  return testConfig(ROUTER_ID, [peer(overrides)], {
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 4, multipathRelax: true },
  })
}

/** As a node without an IPv6 address: nothing but IPv4 to listen on. */
async function ours(overrides: Partial<PeerConfig> = {}): Promise<Starling> {
  const us = later(await startStarling(config(overrides), '0.0.0.0'))
  for (const prefix of ['10.50.0.0/24', '2001:db8:50::/48']) {
    us.speaker.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'ours' })
  }
  return us
}

const linkLocalOf = (text: string) => /inet6 (fe80::[0-9a-f:]+)/.exec(text)?.[1] ?? 'none'
const ourAddress = () => linkLocalOf(ip('-6 -o address show dev near0 scope link'))
const theirAddress = () => linkLocalOf(far.ip('-6 -o address show dev far0 scope link'))

const frr = (neighbour = 'neighbor far0 interface remote-as external') => `
interface far0
 ipv6 nd ra-interval 10
 no ipv6 nd suppress-ra
!
router bgp 65001
 bgp router-id 10.99.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
 ${neighbour}
 neighbor far0 timers connect 1
 address-family ipv4 unicast
  network 10.60.0.0/24
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:60::/48
  neighbor far0 activate
 exit-address-family
!
`

beforeAll(async () => {
  far = new FarSide([], [])
  await eventually('both ends have link-local addresses', () => {
    const ready = (text: string) => /fe80::/.test(text) && !/tentative/.test(text)
    return ready(ip('-6 -o address show dev near0')) && ready(far.ip('-6 -o address show dev far0'))
  })
})
afterEach(async () => {
  for (const thing of running.splice(0)) await thing.stop()
})
afterAll(() => far.remove())

const routed = (us: Starling, prefix: string) => us.hops.get(prefix) ?? 'none'
async function hasRoutes(us: Starling, address: string): Promise<void> {
  const wanted = `${address} dev near0`
  await eventually(
    'both routes are here, over the link',
    () => {
      return routed(us, '10.60.0.0/24') === wanted && routed(us, '2001:db8:60::/48') === wanted
    },
    { state: () => JSON.stringify([...us.hops, wanted]) },
  )
}

describe('with FRR, found by router advertisements', () => {
  it('a session comes up, with routes of both families over link-local next hops both ways', async () => {
    const them = later(await far.frr(frr()))
    const begin = performance.now()
    const us = await ours()
    await us.until(KEY, 'Established', 30_000)
    console.log(`unnumbered with FRR: Established ${Math.round(performance.now() - begin)} ms after our start`)
    expect(us.view(KEY)).toMatchObject({ remoteAddress: `${theirAddress()}%near0`, remoteAs: 65_001 })
    await hasRoutes(us, theirAddress())
    await them.shows('show bgp ipv4 unicast 10.50.0.0/24', new RegExp(`${ourAddress()}`))
    await them.shows('show bgp ipv6 unicast 2001:db8:50::/48', new RegExp(`${ourAddress()}`))
    await them.shows('show ip route 10.50.0.0/24', new RegExp(`${ourAddress()}, via far0`))
    expect(us.view(KEY).capabilities.received.join(' ')).toMatch(/extended next hop/i)
    void pause
  })
})
