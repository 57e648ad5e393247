/**
 * Passwords and TTL security with more than one foreign daemon, in both directions of the dial; hundreds of keys on one
 * listener; and mistakes as another daemon than BIRD makes them.
 */
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { type Daemon, startBird, startFrr, startGobgp, startOpenbgpd } from './support/daemon.js'
import { later, stopAll } from './support/later.js'
import { enterPrivateNetwork } from './support/network.js'
import { type Starling, startStarling } from './support/starling.js'

needs('root', 'ip', 'bird', 'frr', 'gobgp', 'openbgpd')

const US = '10.97.0.1'
const THEM = '10.97.0.2'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000] })

beforeAll(() => enterPrivateNetwork([US], [THEM]))
afterEach(stopAll)

interface Wish {
  readonly password?: string
  readonly gtsm?: boolean
  /** Ours, seconds. */
  readonly holdTime?: number
  /** Their idea of our AS. */
  readonly as?: number
  /** TTL of what they send without TTL security. */
  readonly hops?: number
}

type Start = (wish: Wish, passive: boolean) => Promise<Daemon>

const DAEMONS: Record<string, Start> = {
  BIRD: ({ password, gtsm, as = 65000, hops = 64 }, passive) =>
    startBird(`router id ${THEM};
protocol device {}
protocol bgp starling {
  local ${THEM} as 65001; neighbor ${US} as ${as}; strict bind;
  ${gtsm ? 'multihop 1; ttl security yes;' : `multihop ${hops};`}
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${passive ? 'passive;' : ''} ${password === undefined ? '' : `password "${password}";`}
  ipv4 { import all; export all; };
}`),
  FRR: ({ password, gtsm, as = 65000, hops = 255 }, passive) =>
    startFrr(
      `router bgp 65001
 bgp router-id ${THEM}
 no bgp ebgp-requires-policy
 neighbor ${US} remote-as ${as}
 neighbor ${US} update-source ${THEM}
 neighbor ${US} timers connect 1
 ${gtsm ? `neighbor ${US} ttl-security hops 1` : `neighbor ${US} ebgp-multihop ${hops}`}
 ${gtsm ? `neighbor ${US} disable-connected-check` : ''}
 ${passive ? `neighbor ${US} passive` : ''}
 ${password === undefined ? '' : `neighbor ${US} password ${password}`}
`,
      THEM,
    ),
  GoBGP: ({ password, gtsm, as = 65000, hops = 255 }, passive) =>
    startGobgp(`[global.config]
  as = 65001
  router-id = "${THEM}"
  local-address-list = ["${THEM}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${US}"
    peer-as = ${as}
    ${password === undefined ? '' : `auth-password = "${password}"`}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    local-address = "${THEM}"
    passive-mode = ${passive}
  ${
    gtsm
      ? '[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255'
      : `[neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = ${hops}`
  }
`),
  OpenBGPD: ({ password, gtsm, as = 65000, hops = 64 }, passive) =>
    startOpenbgpd(`AS 65001
router-id ${THEM}
listen on ${THEM}
neighbor ${US} {
  remote-as ${as}
  local-address ${THEM}
  ${gtsm ? 'ttl-security yes' : `multihop ${hops}`}
  ${passive ? 'passive' : ''}
  ${password === undefined ? '' : `tcp md5sig password "${password}"`}
}
allow from any
`),
}

function ours(passive: boolean, wish: Wish): Promise<Starling> {
  return startStarling(
    testConfig(US, [
      testPeer(THEM, {
        localAddress: US,
        remoteAs: 65001,
        timers: { ...QUICK, ...(wish.holdTime !== undefined && { holdTime: wish.holdTime }) },
        passive,
        ttlSecurity: wish.gtsm ? 1 : 0,
        ...(wish.password !== undefined && { password: wish.password }),
      }),
    ]),
    US,
  )
}

const WISHES: readonly [what: string, wish: Wish][] = [
  ['a password', { password: 'secret' }],
  ['TTL security', { gtsm: true }],
  ['both', { password: 'secret', gtsm: true }],
]

/** OpenBGPD's Linux port has no TCP MD5. */
const able = (name: string, wish: Wish) => !(name === 'OpenBGPD' && wish.password !== undefined)

const CELLS = Object.keys(DAEMONS).flatMap((name) =>
  WISHES.filter(([, wish]) => able(name, wish)).flatMap(([what, wish]) =>
    (['we dial', 'they dial'] as const).map((who) => [name, what, who, wish] as const),
  ),
)

describe('a session is protected', () => {
  it.each(CELLS)('%s, %s, %s', async (name, _what, who, wish) => {
    const us = later(await ours(who === 'they dial', wish))
    later(await (DAEMONS[name] as Start)(wish, who === 'we dial'))
    await us.until(THEM, 'Established')
  })
})

describe.each(['BIRD', 'FRR', 'GoBGP', 'OpenBGPD'])('%s: TTL security on their side alone', (name) => {
  it('is suspected', async () => {
    later(await (DAEMONS[name] as Start)({ gtsm: true }, true))
    // A short hold time: a daemon that accepts before it sets the least TTL hears our OPEN, and the session comes up.
    const us = later(await ours(false, { holdTime: 3 }))
    await us.untilReason(THEM, /TTL security/, 40_000)
  })
})

describe('BIRD: TTL security that begins behind our OPEN', () => {
  it('is suspected when the hold timer of a session that only we thought up expires', async () => {
    const them = later(await (DAEMONS.BIRD as Start)({ gtsm: true }, true))
    them.kill('SIGSTOP')
    const us = later(await ours(false, { holdTime: 3 }))
    await us.until(THEM, 'OpenSent')
    them.kill('SIGCONT')
    await us.until(THEM, 'Established')
    await us.untilReason(THEM, /none since the session came up: .*TTL security/)
  })
})

// Without OpenBGPD: see `able`.
describe.each(['BIRD', 'FRR', 'GoBGP'])('%s: another password', (name) => {
  it('is named', async () => {
    later(await (DAEMONS[name] as Start)({ password: 'theirs' }, true))
    const us = later(await ours(false, { password: 'ours' }))
    await us.untilReason(THEM, /MD5 password(s? probably)? differs?|passwords differ/)
  })
})

describe.each(['BIRD', 'FRR', 'GoBGP', 'OpenBGPD'])('%s: a mistake is named', (name) => {
  const start = DAEMONS[name] as Start

  it('another AS', async () => {
    later(await start({ as: 65077 }, false))
    const us = later(await ours(false, {}))
    await us.untilReason(THEM, /Bad Peer AS.*another AS than our 65000/)
  })

  it('TTL security on our side alone', async () => {
    later(await start({ hops: 10 }, true))
    const us = later(await ours(false, { gtsm: true }))
    await us.untilReason(THEM, /TTL security may drop/)
  })
})

describe.each(['BIRD', 'FRR', 'OpenBGPD'])('%s: no family in common', (name) => {
  it('is named', async () => {
    later(await (DAEMONS[name] as Start)({}, true))
    const config = testConfig(US, [
      testPeer(THEM, { localAddress: US, remoteAs: 65001, timers: QUICK, families: [testFamily('ipv6')] }),
    ])
    const us = later(await startStarling(config, US))
    await us.untilReason(THEM, /no address family in common: ours are ipv6, the peer offers .*ipv4/)
  })
})

describe('a thousand keys on one listener', () => {
  const many = (count: number) =>
    testConfig(
      US,
      Array.from({ length: count }, (_, i) =>
        testPeer(`10.96.${i >> 8}.${i & 255}`, { passive: true, password: `secret ${i}`, timers: QUICK }),
      ),
    )

  it('three hundred are set, and each can be replaced', async () => {
    const us = later(await startStarling(many(300), US))
    await us.speaker.configure(many(200))
    expect(us.notices.filter(({ type }) => type === 'key-failed')).toEqual([])
  })

  it('the one too many is named with the sysctl to raise, and the session of another still comes up', async () => {
    const config = many(4_000)
    const peer = testPeer(THEM, { localAddress: US, remoteAs: 65001, passive: true, timers: QUICK, password: 'secret' })
    const us = later(await startStarling({ ...config, peers: new Map([[peer.key, peer], ...config.peers]) }, US))
    const failed = us.notices.filter((notice) => notice.type === 'key-failed')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed[0]?.reason).toMatch(/net\.core\.optmem_max/)
    later(await (DAEMONS['BIRD'] as Start)({ password: 'secret' }, false))
    await us.until(THEM, 'Established')
  })

  it('a peer whose key did not fit is turned away, not let in unsigned, until there is room', async () => {
    const config = many(4_000)
    const peer = testPeer(THEM, { localAddress: US, remoteAs: 65001, passive: true, timers: QUICK, password: 'secret' })
    const us = later(await startStarling({ ...config, peers: new Map([...config.peers, [peer.key, peer]]) }, US))
    const bird = later(await (DAEMONS['BIRD'] as Start)({}, false))
    await bird.shows('show protocols all starling', /Last error|Socket|Connection (closed|reset)/)
    expect(us.view(THEM).established).toBe(0)
    await bird.stop()
    await us.speaker.configure(testConfig(US, [peer]))
    later(await (DAEMONS['BIRD'] as Start)({ password: 'secret' }, false))
    await us.until(THEM, 'Established')
  })
})
