/**
 * BFD with BIRD and FRR's bfdd at 3 x 100 ms: it comes up, it sees a silent path break from both sides, it survives a
 * busy main thread, and it takes the routes away long before the hold timer would.
 */
import { execFileSync } from 'node:child_process'
import type { BfdPeer } from '@starling/speaker'
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { ip } from './support/network.js'
import { type Starling, startStarling } from './support/starling.js'
import { eventually, pause } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const US = '10.98.0.1'
const THEM = '10.98.0.2'
const US6 = 'fd98::1'
const THEM6 = 'fd98::2'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000], holdTime: 9, keepaliveTime: 3 })
/** The shortest hold time of BGP, to be compared with. */
const SHORTEST = { ...QUICK, holdTime: 3, keepaliveTime: 1 }
/** Sooner than any hold timer of 9 s can end: what was heard last is up to 3 s old. */
const BEFORE_HOLD_TIMER = 6_000
const FAST: BfdPeer = { remoteAddress: THEM, localAddress: US, interval: 100, multiplier: 3, passive: false }
/** Where a session must not flap: a machine with other things to do may stand still for more than 300 ms. */
const CALM: BfdPeer = { ...FAST, interval: 300 }
const CALM_BIRD = 'interface "far0" { interval 300 ms; multiplier 3; };'

let far: FarSide
beforeAll(() => {
  far = new FarSide([`${US}/24`, `${US6}/64`], [`${THEM}/24`, `${THEM6}/64`])
})
afterEach(async () => {
  await stopAll()
  far.heal()
})
afterAll(() => far.remove())

function ours(bfd: BfdPeer | undefined, overrides: Parameters<typeof testPeer>[1] = {}) {
  const config = testConfig(US, [
    testPeer(THEM, { localAddress: US, timers: QUICK, importDefault: 'accept', ...overrides }),
  ])
  return startStarling(config, US, bfd === undefined ? {} : { bfd: new Map([[THEM, bfd]]) })
}

function bird(bgpLines: string, bfdLines = 'interface "far0" { interval 100 ms; multiplier 3; };', hold = 9): string {
  return `router id ${THEM};
protocol device {}
protocol static { ipv4; route 10.200.0.0/24 blackhole; }
protocol bfd watch { ${bfdLines} }
protocol bgp starling {
  local ${THEM} as 65000; neighbor ${US} as 65000; direct; strict bind;
  connect delay time 1; connect retry time 1; error wait time 1, 2; hold time ${hold};
  ${bgpLines}
  ipv4 { import all; export all; };
}`
}

const frr = (bfdLines = '', neighbour = `neighbor ${US} bfd`) => `
bfd
 peer ${US} local-address ${THEM} interface far0
  receive-interval 100
  transmit-interval 100
  detect-multiplier 3
  ${bfdLines}
 !
!
router bgp 65000
 bgp router-id ${THEM}
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
 neighbor ${US} remote-as 65000
 ${neighbour}
 address-family ipv4 unicast
  network 10.200.0.0/24
 exit-address-family
!
`

const state = (us: Starling, peer = THEM) => us.speaker.bfd.view(peer)?.state ?? 'none'
const bfdUp = (us: Starling, peer = THEM) =>
  eventually('BFD is up', () => state(us, peer) === 'Up', {
    state: () => JSON.stringify([us.speaker.bfd.view(peer), us.notices]),
  })

/** Milliseconds until the condition holds, looked at as often as the loop turns. */
async function measure(what: string, condition: () => boolean | Promise<boolean>): Promise<number> {
  const begin = performance.now()
  while (!(await condition())) {
    if (performance.now() - begin > 90_000) throw new Error(`not in time: ${what}`)
    await pause(1)
  }
  return performance.now() - begin
}

describe('BFD with BIRD', () => {
  it('comes up at 100 ms, and a silent cut takes the routes on both sides long before the hold timer', async () => {
    const them = later(await far.bird(bird('bfd on;', undefined, 3)))
    const us = later(await ours(FAST, { exportDefault: 'accept', timers: SHORTEST }))
    us.speaker.setLocalRoute({ prefix: '10.244.7.0/26', source: 'static', target: { kind: 'blackhole' }, label: 'b' })
    const theirs = async () => /10\.244\.7\.0/.test(await them.ask('show route'))
    /** From one cut: when our route of theirs went, and theirs of ours. */
    const cut = async () => {
      await us.until(THEM, 'Established')
      await eventually('both have routes', async () => us.routes.has('10.200.0.0/24') && (await theirs()))
      far.cut()
      const [here, there] = await Promise.all([
        measure('the route goes here', () => !us.routes.has('10.200.0.0/24')),
        measure('the route goes there', async () => !(await theirs())),
      ])
      return { here, there }
    }
    await us.until(THEM, 'Established')
    await bfdUp(us)
    await them.shows('show bfd sessions', /10\.98\.0\.1\s+far0\s+Up\s+\S+\s+0\.1\d\d\s+0\.3/)
    const withBfd = await cut()
    expect(us.view(THEM).reason).toMatch(/BFD/)
    await them.shows('show bfd sessions', /Down/)
    await them.shows('show protocols starling', /BFD session down/)
    far.heal()
    await us.until(THEM, 'Established')
    await bfdUp(us)
    // The same again with nothing but a hold time of 3 s, the shortest BGP knows.
    await us.speaker.configure(us.speaker.engine.config, undefined, new Map())
    await them.ask('disable watch')
    const withoutBfd = await cut()
    const text = ({ here, there }: typeof withBfd) => `ours ${here.toFixed(0)} ms, BIRD ${there.toFixed(0)} ms`
    console.log(`link cut to withdrawn route: BFD 3 x 100 ms ${text(withBfd)}; hold time 3 s only ${text(withoutBfd)}`)
    // What was heard last is up to a second old when the hold time of 3 s begins to count.
    expect(withBfd.here).toBeLessThan(2_000)
    expect(withoutBfd.here).toBeGreaterThan(withBfd.here)
  })

  it('does not flap while the main thread is busy for longer than the detection time, again and again', async () => {
    later(await far.bird(bird('bfd on;', CALM_BIRD)))
    const us = later(await ours(CALM))
    await us.until(THEM, 'Established')
    await bfdUp(us)
    for (let spell = 0; spell < 5; spell++) {
      const busyUntil = performance.now() + 1_300
      while (performance.now() < busyUntil);
      await pause(1)
    }
    await pause(1_000)
    const { lateness } = us.speaker.bfd.statistics
    console.log(
      `timer lateness of the worker: p50 ${lateness.p50.toFixed(1)} ms, max ${lateness.maximum.toFixed(1)} ms`,
    )
    expect(us.speaker.bfd.view(THEM)).toMatchObject({ state: 'Up', downs: 0 })
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
  })

  it.each(['simple', 'keyed md5', 'meticulous keyed md5', 'keyed sha1', 'meticulous keyed sha1'] as const)(
    'authenticates with %s, and refuses another key',
    async (birdType) => {
      const type = birdType.replace('meticulous keyed ', 'meticulous-').replace(' ', '-') as 'simple'
      const lines = `interface "far0" { interval 300 ms; authentication ${birdType}; password "secret" { id 7; }; };`
      later(await far.bird(bird('bfd on;', lines)))
      const right = later(await ours({ ...CALM, authentication: { type, keyId: 7, key: 'secret' } }))
      await bfdUp(right)
      const heard = () => right.speaker.bfd.view(THEM)?.packetsReceived ?? 0
      const before = heard()
      await eventually('packets are taken', () => heard() >= before + 4)
      expect(right.speaker.bfd.view(THEM)).toMatchObject({ state: 'Up', downs: 0 })
      const config = right.speaker.engine.config
      await right.speaker.configure(
        config,
        undefined,
        new Map([[THEM, { ...CALM, authentication: { type, keyId: 7, key: 'secreT' } }]]),
      )
      await eventually('BFD is down', () => state(right) !== 'Up')
      await eventually('the reason is named', () => /wrong key/.test(right.speaker.bfd.view(THEM)?.lastDiscard ?? ''))
    },
  )

  it('in strict mode the session waits for BFD', async () => {
    const them = later(await far.bird(bird('bfd on;')))
    await them.ask('disable watch')
    const us = later(await ours(FAST, { bfdStrict: true }))
    await pause(2_500)
    expect(us.view(THEM)).toMatchObject({ state: 'Idle', reason: 'waits for BFD to come up (strict mode)' })
    await them.ask('enable watch')
    await us.until(THEM, 'Established')
  })

  it('switched off here, it says AdminDown until the other side has heard it, and our session stays', async () => {
    const them = later(await far.bird(bird('bfd on;')))
    const us = later(await ours(FAST))
    await us.until(THEM, 'Established')
    await bfdUp(us)
    await us.speaker.configure(us.speaker.engine.config, undefined, new Map())
    await them.shows('show bfd sessions', /10\.98\.0\.1\s+far0\s+Down/)
    // BIRD 2.0 ends the BGP session for it (docs/tor.md); it comes back at once, and no side waits for a timer.
    await us.until(THEM, 'Established')
  })

  it('runs over IPv6', async () => {
    const config = bird('bfd on;').replaceAll(US, US6).replaceAll(`local ${THEM}`, `local ${THEM6}`)
    later(await far.bird(config))
    const peer = testPeer(THEM6, { localAddress: US6, timers: QUICK })
    const bfd = new Map([[THEM6, { ...FAST, remoteAddress: THEM6, localAddress: US6 }]])
    const us = later(await startStarling(testConfig(US, [peer]), US6, { bfd }))
    await us.until(THEM6, 'Established')
    await bfdUp(us, THEM6)
  })

  it('runs multihop on port 4784', async () => {
    const them = later(
      await far.bird(bird('multihop; bfd on;', 'multihop { interval 100 ms; };').replace('direct;', '')),
    )
    const us = later(await ours({ ...FAST, multihop: true }))
    await us.until(THEM, 'Established')
    await bfdUp(us)
    await them.shows('show bfd sessions', /10\.98\.0\.1\s+---\s+Up/)
  })

  it('is single hop as soon as there is a network in common, although it began before there was one', async () => {
    const [own, other] = ['10.98.9.1', '10.98.9.2']
    far.ip(`address add ${other}/24 dev far0`)
    const lines = 'interface "far0" { interval 100 ms; multiplier 3; }; neighbor 10.98.9.1 dev "far0" local 10.98.9.2;'
    later(await far.bird(bird('passive;', lines)))
    const config = testConfig(US, [testPeer(other, { timers: QUICK })])
    const bfd = new Map([[other, { remoteAddress: other, interval: 100, multiplier: 3, passive: false }]])
    const us = later(await startStarling(config, US, { bfd }))
    expect(us.speaker.bfd.view(other)?.multihop).toBe(true)
    ip(`address add ${own}/24 dev near0`)
    await bfdUp(us, other)
    expect(us.speaker.bfd.view(other)?.multihop).toBe(false)
    ip(`address delete ${own}/24 dev near0`)
    far.ip(`address delete ${other}/24 dev far0`)
  })

  it('changes its timers without a flap', async () => {
    const them = later(await far.bird(bird('bfd on;', CALM_BIRD)))
    const us = later(await ours(CALM))
    // While BGP is still opening, BIRD begins its BFD session anew with each attempt.
    await us.until(THEM, 'Established')
    await bfdUp(us)
    const downs = us.speaker.bfd.view(THEM)?.downs
    const change = (interval: number) =>
      us.speaker.configure(us.speaker.engine.config, undefined, new Map([[THEM, { ...FAST, interval }]]))
    await change(1_200)
    await them.shows('show bfd sessions', /Up\s+\S+\s+(0\.3|0\.9|1\.[012])\d\d\s+3\.6/)
    await change(150)
    await them.shows('show bfd sessions', /Up\s+\S+\s+0\.3\d\d\s+0\.9/)
    expect(us.speaker.bfd.view(THEM)).toMatchObject({ state: 'Up', downs })
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
  })
})

describe("BFD with FRR's bfdd", () => {
  it('comes up at 100 ms, sees a silent cut on both sides, and comes back', async () => {
    const them = later(await far.frr(frr()))
    const us = later(await ours(FAST))
    await us.until(THEM, 'Established')
    await bfdUp(us)
    await them.shows('show bfd peers brief', /10\.98\.0\.1\s+up/)
    await eventually('the route is here', () => us.routes.has('10.200.0.0/24'))
    far.cut()
    const took = await measure('the route goes', () => !us.routes.has('10.200.0.0/24'))
    console.log(`link cut to withdrawn route, FRR at 3 x 100 ms: ${took.toFixed(0)} ms`)
    expect(us.view(THEM).reason).toMatch(/BFD/)
    await them.shows('show bfd peers brief', /10\.98\.0\.1\s+down/)
    expect(took).toBeLessThan(BEFORE_HOLD_TIMER)
    far.heal()
    await us.until(THEM, 'Established')
    await bfdUp(us)
  })

  it('switched off there, it says nothing about the path, and the BGP session stays', async () => {
    const them = later(await far.frr(frr()))
    const us = later(await ours(FAST))
    await us.until(THEM, 'Established')
    await bfdUp(us)
    await them.ask(`configure terminal\nbfd\npeer ${US} local-address ${THEM} interface far0\nshutdown`)
    await eventually('BFD is down', () => state(us) !== 'Up')
    await pause(300)
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
    await them.ask(`configure terminal\nbfd\npeer ${US} local-address ${THEM} interface far0\nno shutdown`)
    await bfdUp(us)
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
  })

  it('AdminDown lets a strict session start, and a BFD that dies later still ends it', async () => {
    const them = later(await far.frr(frr()))
    const us = later(await ours(FAST, { bfdStrict: true }))
    await us.until(THEM, 'Established')
    const inBfd = (line: string) =>
      them.ask(`configure terminal\nbfd\npeer ${US} local-address ${THEM} interface far0\n${line}`)
    await inBfd('shutdown')
    await eventually('AdminDown is heard', () => us.speaker.bfd.view(THEM)?.remoteState === 'AdminDown')
    us.speaker.admin(THEM, 'restart')
    await eventually('it comes up again', () => us.view(THEM).established === 2)
    expect(state(us)).toBe('Down')
    await inBfd('no shutdown')
    await bfdUp(us)
    await eventually('the route is here', () => us.routes.has('10.200.0.0/24'))
    far.cut()
    const took = await measure('the route goes', () => !us.routes.has('10.200.0.0/24'))
    expect(took).toBeLessThan(BEFORE_HOLD_TIMER)
    await us.untilReason(THEM, /BFD/)
  })

  it('in strict mode the session waits for BFD', async () => {
    const peerLines = `peer ${US} local-address ${THEM} interface far0`
    const them = later(await far.frr(frr('', '').replace(peerLines, `${peerLines}\n  passive-mode`)))
    const us = later(await ours({ ...FAST, passive: true }, { bfdStrict: true }))
    // Both wait for the other's first packet.
    await pause(2_500)
    expect(us.view(THEM)).toMatchObject({ state: 'Idle', reason: 'waits for BFD to come up (strict mode)' })
    await them.ask(`configure terminal\nbfd\n${peerLines}\nno passive-mode`)
    await us.until(THEM, 'Established')
  })

  it('runs multihop on port 4784, over IPv4 and IPv6', async () => {
    const multi = (us: string, them: string) => ` peer ${us} multihop local-address ${them}
  receive-interval 300
  transmit-interval 300
 !
`
    const them = later(await far.frr(`bfd\n${multi(US, THEM)}${multi(US6, THEM6)}!\n`))
    const peers = [testPeer(THEM, { localAddress: US }), testPeer(THEM6, { localAddress: US6 })]
    const watch = { ...CALM, multihop: true }
    const bfd = new Map([
      [THEM, watch],
      [THEM6, { ...watch, remoteAddress: THEM6, localAddress: US6 }],
    ])
    const us = later(await startStarling(testConfig(US, peers), US, { bfd }))
    await bfdUp(us)
    await bfdUp(us, THEM6)
    await them.shows('show bfd peers', /multihop[\s\S]*Status: up[\s\S]*multihop[\s\S]*Status: up/)
    await eventually('the timers are agreed', () => us.speaker.bfd.view(THEM)?.detectionTime === 900)
    expect(us.speaker.bfd.view(THEM)).toMatchObject({ multihop: true, downs: 0 })
  })

  it('runs single hop over IPv6', async () => {
    const lines = ` peer ${US6} local-address ${THEM6} interface far0
  receive-interval 100
  transmit-interval 100
 !
`
    const them = later(await far.frr(`bfd\n${lines}!\n`))
    const bfd = new Map([[THEM6, { ...FAST, remoteAddress: THEM6, localAddress: US6 }]])
    const us = later(await startStarling(testConfig(US, [testPeer(THEM6, { localAddress: US6 })]), US6, { bfd }))
    await bfdUp(us, THEM6)
    await them.shows('show bfd peers brief', /fd98::1\s+up/)
  })
})

describe('packets from further away', () => {
  it('with a TTL below 255 do not exist for a single-hop session', async () => {
    const us = later(await ours(FAST))
    const packet =
      '\\x20\\x40\\x03\\x18\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x0f\\x42\\x40\\x00\\x01\\x86\\xa0\\x00\\x00\\x00\\x00'
    const send = (ttl: number) =>
      execFileSync('ip', [
        ...['netns', 'exec', far.namespace, process.execPath, '-e'],
        `const s = require('node:dgram').createSocket('udp4'); s.bind(50000, '${THEM}', () => { s.setTTL(${ttl})
         s.send(Buffer.from('${packet}', 'latin1'), 3784, '${US}', () => s.close()) })`,
      ])
    const heard = () => us.speaker.bfd.view(THEM)?.remoteDiscriminator ?? 0
    await eventually('the worker runs', () => (us.speaker.bfd.view(THEM)?.packetsSent ?? 0) > 0)
    send(254)
    await pause(1_500)
    expect(us.speaker.bfd.view(THEM)).toMatchObject({ state: 'Down', packetsReceived: 0 })
    send(255)
    await eventually('a neighbour is heard', () => heard() === 1 || state(us) === 'Init')
  })
})
