/**
 * Listen ranges with BIRD and FRR dialling in: the template holds for everybody inside (password, TTL security, BFD), a
 * configured peer goes before its range, and the one too many is told why.
 */
import type { DynamicNeighbors } from '@starling/engine'
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { startStarling } from './support/starling.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const US = '10.93.0.1'
const [FIRST, SECOND, THIRD] = ['10.93.0.11', '10.93.0.12', '10.93.0.13'] as const
const RANGE = '10.93.0.0/24'
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000], holdTime: 9 })

let far: FarSide
beforeAll(() => {
  far = new FarSide([`${US}/24`], [`${FIRST}/24`, `${SECOND}/24`, `${THIRD}/24`])
})
afterEach(async () => {
  await stopAll()
  far.heal()
})
afterAll(() => far.remove())

function range(overrides: Partial<DynamicNeighbors['template']> = {}, maximum = 10): DynamicNeighbors {
  const {
    key: _key,
    name: _name,
    kind: _kind,
    remoteAddress: _at,
    remotePort: _port,
    passive: _passive,
    ...rest
  } = testPeer('0.0.0.0', { timers: QUICK, remoteAs: 65001, ...overrides })
  return { range: RANGE, maximum, template: rest }
}

const bird = (local: string, lines = '', more = '') =>
  far.bird(`router id ${local};
protocol device {}
${more}
protocol bgp starling {
  local ${local} as 65001; neighbor ${US} as 65000; direct; strict bind;
  connect delay time 1; connect retry time 1; error wait time 1, 2; ${lines}
  ipv4 { import all; export all; };
}`)

const frr = (local: string, lines = '', more = '') =>
  far.frr(`${more}router bgp 65001
 bgp router-id ${local}
 no bgp ebgp-requires-policy
 neighbor ${US} remote-as 65000
 neighbor ${US} update-source ${local}
 neighbor ${US} timers connect 1
 ${lines}
!
`)

const ours = (ranges: readonly DynamicNeighbors[], peers: Parameters<typeof testConfig>[1] = [], bfd = false) =>
  startStarling(testConfig(US, peers, { dynamicNeighbors: ranges }), US, {
    ...(bfd && { bfdRanges: new Map([[RANGE, { interval: 100, multiplier: 3, passive: false }]]) }),
  })
const stateOf = (us: Awaited<ReturnType<typeof ours>>, peer: string) => us.speaker.engine.peer(peer)?.state
const arrives = (us: Awaited<ReturnType<typeof ours>>, peer: string) =>
  eventually(`${peer} is up`, () => stateOf(us, peer) === 'Established', {
    state: () => JSON.stringify([us.events.slice(-4), us.notices]),
  })

describe.each([
  ['BIRD', bird, 'password "geheim"; ttl security on;'],
  ['FRR', frr, `neighbor ${US} password geheim\n neighbor ${US} ttl-security hops 1`],
] as const)('%s from a range', (_name, start, lines) => {
  it('with password and TTL security', async () => {
    const us = later(await ours([range({ password: 'geheim', ttlSecurity: 1 })]))
    later(await start(FIRST, lines))
    await arrives(us, FIRST)
    expect(us.view(FIRST)).toMatchObject({ kind: 'dynamic', remoteAs: 65001, passive: true })
  })
})

describe('BFD on a range', () => {
  it.each([
    ['BIRD', () => bird(FIRST, 'bfd on;', 'protocol bfd { interface "far0" { interval 100 ms; multiplier 3; }; }')],
    [
      'FRR',
      () =>
        frr(
          FIRST,
          `neighbor ${US} bfd\n neighbor ${US} bfd profile quick`,
          'bfd\n profile quick\n  receive-interval 100\n  transmit-interval 100\n exit\nexit\n',
        ),
    ],
  ] as const)('with %s begins with the session, and takes it down at a cut', async (_name, start) => {
    const us = later(await ours([range()], [], true))
    later(await start())
    await arrives(us, FIRST)
    await eventually('BFD is up', () => us.speaker.bfd.view(FIRST)?.state === 'Up', {
      state: () => JSON.stringify(us.speaker.bfd.view(FIRST)),
    })
    far.cut()
    await eventually('the session falls', () => stateOf(us, FIRST) !== 'Established')
    expect(us.view(FIRST).reason).toMatch(/BFD went down/)
  })
})

describe('who comes in', () => {
  it('the one too many is told, and comes in when there is room', async () => {
    const us = later(await ours([range({}, 2)]))
    later(await bird(FIRST))
    await arrives(us, FIRST)
    const second = later(await frr(SECOND))
    await arrives(us, SECOND)
    later(await bird(THIRD))
    const refused = () => us.events.find((event) => event.type === 'connection-refused')
    await eventually('the third is refused', () => refused() !== undefined)
    expect(refused()).toMatchObject({
      remoteAddress: THIRD,
      reason: `the limit of 2 dynamic neighbours in ${RANGE} is reached`,
    })
    expect(us.speaker.engine.peer(THIRD)).toBeUndefined()
    await second.stop()
    await arrives(us, THIRD)
    expect(us.view(FIRST)).toMatchObject({ state: 'Established', flaps: 0 })
  })

  it('a configured peer goes before its range: its own password, and no place of the range', async () => {
    const own = testPeer(FIRST, { localAddress: US, remoteAs: 65001, timers: QUICK, password: 'own', passive: true })
    const us = later(await ours([range({ password: 'geheim' }, 1)], [own]))
    later(await bird(FIRST, 'password "own";'))
    later(await bird(SECOND, 'password "geheim";'))
    await arrives(us, FIRST)
    await arrives(us, SECOND)
    expect([us.view(FIRST).kind, us.view(SECOND).kind]).toEqual(['static', 'dynamic'])
  })

  it('another AS than the range wants is named to both', async () => {
    const us = later(await ours([range({ remoteAs: 65007 })]))
    const them = later(await bird(FIRST))
    await eventually('it is refused', () => /AS 65001/.test(us.speaker.engine.peer(FIRST)?.reason ?? ''), {
      state: () => us.speaker.engine.peer(FIRST)?.reason ?? 'no peer',
    })
    await them.shows('show protocols starling', /Bad peer AS/)
  })
})
