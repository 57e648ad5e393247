/**
 * Unnumbered sessions with FRR and BIRD: neither side knows an address of the other. FRR finds us and is found by router
 * advertisements; BIRD takes whoever comes from a link-local address. IPv4 routes have IPv6 next hops both ways, in every
 * form the daemons can write them.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type EngineConfig, type PeerConfig, unnumberedAddress } from '@starling/engine'
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { ip } from './support/network.js'
import { recipe } from './support/recipes.js'
import { type Starling, startStarling } from './support/starling.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const KEY = unnumberedAddress('near0')
const ROUTER_ID = '10.99.0.1'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [100, 1_000], holdTime: 9, keepaliveTime: 3 })
const FAMILIES = [testFamily('ipv4', { extendedNextHop: true }), testFamily('ipv6')]

let far: FarSide
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
afterEach(stopAll)
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
    await us.until(KEY, 'Established')
    console.log(`unnumbered with FRR: Established ${Math.round(performance.now() - begin)} ms after our start`)
    expect(us.view(KEY)).toMatchObject({
      remoteAddress: `${theirAddress()}%near0`,
      remoteAs: 65_001,
      interface: 'near0',
    })
    await hasRoutes(us, theirAddress())
    await them.shows('show bgp ipv4 unicast 10.50.0.0/24', new RegExp(`${ourAddress()}`))
    await them.shows('show bgp ipv6 unicast 2001:db8:50::/48', new RegExp(`${ourAddress()}`))
    await them.shows('show ip route 10.50.0.0/24', new RegExp(`${ourAddress()}, via far0`))
    expect(us.view(KEY).capabilities.received.join(' ')).toMatch(/extended-next-hop ipv4 unicast via afi 2/)
    // FRR found us by our advertisements, and none of them makes us its default router.
    await them.shows('show interface far0', new RegExp(`${ourAddress()}`))
    expect(far.ip('-6 route show default')).toBe('')
  })

  it('a wrong AS is said in words', async () => {
    later(await far.frr(frr()))
    const us = await ours({ remoteAs: 'internal' })
    await us.untilReason(KEY, /wrong AS: the peer is AS 65001, configured is an internal AS \(ours is 65000\)/)
  })

  it('a link that is lost takes the session down at once, and brings it back', async () => {
    later(await far.frr(frr()))
    const us = await ours()
    await us.until(KEY, 'Established')
    await hasRoutes(us, theirAddress())
    const cut = performance.now()
    far.ip('link set far0 down')
    ip('link set near0x down')
    await us.untilReason(KEY, /interface near0 has no carrier/)
    const [fall] = us.events.flatMap((event) =>
      event.type === 'session-state' && event.from === 'Established' ? [event] : [],
    )
    expect(fall?.reason).toMatch(/no carrier/)
    expect(us.hops.has('10.60.0.0/24')).toBe(false)
    console.log(`unnumbered: ${Math.round(performance.now() - cut)} ms from a lost carrier to no routes`)
    ip('link set near0x up')
    far.ip('link set far0 up')
    const up = performance.now()
    await us.until(KEY, 'Established')
    console.log(
      `unnumbered with FRR: Established ${Math.round(performance.now() - up)} ms after link up (with duplicate address detection)`,
    )
    await hasRoutes(us, theirAddress())
  })

  it('a password is checked on the way in and out', async () => {
    later(await far.frr(frr('neighbor far0 interface remote-as external\n neighbor far0 password s3cret')))
    const us = await ours({ password: 's3cret' })
    await us.until(KEY, 'Established')
    await us.speaker.configure(config({ password: 'other' }))
    await us.untilReason(KEY, /TCP MD5 password probably differs/)
    await us.speaker.configure(config({ password: 's3cret' }))
    await us.until(KEY, 'Established')
  })

  it.each([
    ['on its link-local address, where the node has no other', '0.0.0.0'],
    ['on every address', '::'],
  ])('connections that come to a listener %s are taken, with their password', async (_what, listen) => {
    later(await far.frr(frr('neighbor far0 interface remote-as external\n neighbor far0 password s3cret')))
    const us = later(await startStarling(config({ password: 's3cret', passive: true }), listen))
    await us.until(KEY, 'Established')
    await hasRoutes(us, theirAddress())
    expect(us.view(KEY).remoteAddress).toBe(`${theirAddress()}%near0`)
  })

  it('a router that gets another address is reached there, on the same session', async () => {
    later(await far.frr(frr()))
    const us = await ours()
    await us.until(KEY, 'Established')
    const before = theirAddress()
    far.ip('address add fe80::77/64 dev far0 nodad')
    far.ip(`address del ${before}/64 dev far0`)
    await eventually(
      'it is reached at its new address',
      () => {
        const { state, remoteAddress } = us.view(KEY)
        return state === 'Established' && remoteAddress === 'fe80::77%near0'
      },
      { state: () => `${us.view(KEY).remoteAddress} ${us.view(KEY).state} ${us.view(KEY).reason}` },
    )
    await hasRoutes(us, 'fe80::77')
    far.ip(`address add ${before}/64 dev far0 nodad`)
    far.ip('address del fe80::77/64 dev far0')
  })
})

/** The recipe of docs/tor.md on our link, with routes to announce; `neighbour` in place of whoever comes. */
function bird(neighbour?: string): string {
  const text = recipe('bird-unnumbered')
    .replaceAll('swp1', 'far0')
    .replace('hold time 9;', 'hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;')
  const routes = `
protocol static { ipv4; route 10.60.0.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:60::/48 blackhole; }
`
  if (neighbour === undefined) return text + routes
  return text.replace(/neighbor range[\s\S]*dynamic name "node";/, neighbour) + routes
}

describe('with BIRD', () => {
  it('which takes whoever comes from the link, a session comes up by its advertisements', async () => {
    const them = later(await far.bird(bird()))
    const us = await ours()
    await us.until(KEY, 'Established')
    await hasRoutes(us, theirAddress())
    await them.shows('show route 10.50.0.0/24 all', new RegExp(`via ${ourAddress()} on far0`))
    await them.shows('show route 2001:db8:50::/48 all', new RegExp(`via ${ourAddress()} on far0`))
  })

  it('its global next hop beside the link-local one is taken for what it is: the same router', async () => {
    far.ip('address add 2001:db8:f::2/64 dev far0 nodad')
    try {
      later(await far.bird(bird()))
      const us = await ours()
      await us.until(KEY, 'Established')
      await hasRoutes(us, theirAddress())
    } finally {
      far.ip('address del 2001:db8:f::2/64 dev far0')
    }
  })

  it('we send a pair where we have a global address on the link', async () => {
    // BIRD advertises the prefix of its address: ours shall be the only one of it.
    writeFileSync('/proc/sys/net/ipv6/conf/near0/autoconf', '0')
    ip('address add 2001:db8:f::1/64 dev near0 nodad')
    far.ip('address add 2001:db8:f::2/64 dev far0 nodad')
    try {
      const them = later(await far.bird(bird()))
      const us = await ours()
      await us.until(KEY, 'Established')
      await them.shows('show route 10.50.0.0/24 all', new RegExp(`next_hop: 2001:db8:f::1 ${ourAddress()}`))
      await hasRoutes(us, theirAddress())
    } finally {
      ip('address del 2001:db8:f::1/64 dev near0')
      far.ip('address del 2001:db8:f::2/64 dev far0')
    }
  })

  it('a next hop that is link-local alone is reached over the link of a numbered session, too', async () => {
    ip('address add 2001:db8:f::1/64 dev near0 nodad')
    far.ip('address add 2001:db8:f::2/64 dev far0 nodad')
    try {
      const config = bird('neighbor 2001:db8:f::1 as 65000;')
        .replace(/interface "far0";\s+direct;/, 'direct;')
        .replaceAll('import all;', `import all; next hop address ${theirAddress()};`)
      later(await far.bird(config))
      const { interface: _interface, ...numbered } = peer({ key: '2001:db8:f::2', remoteAddress: '2001:db8:f::2' })
      const us = later(await startStarling(testConfig(ROUTER_ID, [numbered]), '::'))
      await us.until('2001:db8:f::2', 'Established')
      await hasRoutes(us, theirAddress())
    } finally {
      ip('address del 2001:db8:f::1/64 dev near0')
      far.ip('address del 2001:db8:f::2/64 dev far0')
    }
  })

  it('with an address in the BGPPeer (fe80::...%eth0) there is nothing to find', async () => {
    const them = later(await far.bird(bird(`neighbor ${ourAddress()}%far0 as 65000;`)))
    const key = `${theirAddress()}%near0`
    const us = later(
      await startStarling(testConfig(ROUTER_ID, [peer({ key, remoteAddress: key, remoteAs: 65_001 })]), '0.0.0.0'),
    )
    await us.until(key, 'Established')
    await hasRoutes(us, theirAddress())
    await them.shows('show protocols all nodes', /BGP state:\s+Established/)
    ip('link set near0x down')
    await us.untilReason(key, /interface near0 has no carrier/)
    ip('link set near0x up')
    await us.until(key, 'Established')
  })
})

/** Sends an ICMPv6 message from the far side to all nodes of the link, with that hop limit. */
function advertise(hex: string, hopLimit: number): void {
  const code = `
const { AF, IPV6, SOCK, SOL, sendto, setsockopt, sockaddr, socket } = await import(process.argv[1])
const fd = socket(AF.INET6, SOCK.RAW, SOL.ICMPV6)
setsockopt(fd, SOL.IPV6, IPV6.MULTICAST_HOPS, ${hopLimit})
const sent = sendto(fd, Buffer.from('${hex}', 'hex'), sockaddr('ff02::1%far0', 0))
if (sent < 0) throw new Error(String(sent))`
  const sys = fileURLToPath(new URL('../../packages/sys/dist/index.js', import.meta.url))
  const [file = '', ...parameters] = far.command(process.execPath, '--input-type=module', '-e', code, sys)
  execFileSync(file, parameters, { stdio: 'pipe' })
}

describe('advertisements', () => {
  const GOOD = '860000004000001e0000000000000000'
  it.each([
    ['from further away than the link are not even seen', GOOD, 64, 0],
    ['with an option of length 0 are discarded', `${GOOD}0100000000000000`, 255, 1],
    ['that are cut short are discarded', GOOD.slice(0, 24), 255, 1],
  ])('%s; the next good one counts', async (_what, hex, hopLimit, discarded) => {
    const us = await ours()
    const view = () => us.speaker.discovery.view('near0')
    await eventually('we have spoken', () => (view()?.advertisementsSent ?? 0) > 0)
    advertise(hex, hopLimit)
    if (discarded > 0) await eventually('it is counted', () => view()?.discarded === discarded)
    expect(view()).toMatchObject({ routers: [], advertisementsReceived: 0, discarded })
    advertise(GOOD, 255)
    await eventually('the router is found', () => view()?.neighbor === `${theirAddress()}%near0`)
    expect(view()).toMatchObject({ advertisementsReceived: 1, discarded, reason: '' })
  })
})
