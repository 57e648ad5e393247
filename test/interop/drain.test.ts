/**
 * Drain and undrain under the eyes of BIRD: the routes get GRACEFUL_SHUTDOWN (RFC 8326), go, and come back, on one and
 * the same session.
 */
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { startBird } from './support/daemon.js'
import { later, stopAll } from './support/later.js'
import { enterPrivateNetwork } from './support/network.js'
import { startStarling } from './support/starling.js'
import { pause } from './support/wait.js'

needs('root', 'ip', 'bird')

const US = '10.99.0.1'
const THEM = '10.99.0.2'
beforeAll(() => enterPrivateNetwork([US], [THEM]))
afterEach(stopAll)

/** A new value each time, as every plan brings one. */
function configured(theirAs: number) {
  const timers = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000] })
  return testConfig(US, [
    testPeer(THEM, { localAddress: US, remoteAs: theirAs, timers, exportDefault: 'accept', importDefault: 'accept' }),
  ])
}

async function together(theirAs: number) {
  const them = await startBird(`router id ${THEM};
protocol device {}
protocol bgp starling {
  local ${THEM} as ${theirAs}; neighbor ${US} as 65000; strict bind; multihop;
  connect delay time 1; connect retry time 1;
  ipv4 { import all; export all; };
}`)
  const us = await startStarling(configured(theirAs), US)
  later(them)
  later(us)
  us.speaker.setLocalRoute({ prefix: '10.244.7.0/26', source: 'static', target: { kind: 'blackhole' }, label: 'block' })
  await us.until(THEM, 'Established')
  await them.shows('show route', /10\.244\.7\.0\/26/)
  return { them, us }
}

it.each([
  ['iBGP', 65000, /BGP\.local_pref: 0\b/],
  ['eBGP', 65001, /BGP\.as_path: 65000/],
])('%s: marked, withdrawn, announced again, the session in place', async (_kind, as, alsoShown) => {
  const { them, us } = await together(as)
  // Called off when all has been seen, so that no time is too short for it; then once more to its end.
  const marking = us.speaker.drain(300_000)
  const shown = await them.shows('show route 10.244.7.0/26 all', /BGP\.community:.*\(65535,0\)/)
  expect(shown).toMatch(alsoShown)
  // What is configured meanwhile is drained, too.
  us.speaker.setLocalRoute({ prefix: '10.244.8.0/26', source: 'static', target: { kind: 'blackhole' }, label: 'block' })
  await them.shows('show route 10.244.8.0/26 all', /\(65535,0\)/)
  await us.speaker.undrain()
  await marking
  await us.speaker.drain(200)
  await them.shows('show route', /^(?![\s\S]*10\.244)/)
  await us.speaker.configure(configured(as))
  await pause(500)
  expect(await them.ask('show route')).not.toMatch(/10\.244/)
  await us.speaker.undrain()
  const again = await them.shows('show route 10.244.7.0/26 all', /10\.244\.7\.0\/26/)
  expect(again).not.toMatch(/65535,0/)
  expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
})

it('a drain taken back half-way withdraws nothing', async () => {
  const { them, us } = await together(65001)
  const drained = us.speaker.drain(300_000)
  await them.shows('show route 10.244.7.0/26 all', /\(65535,0\)/)
  await us.speaker.undrain()
  await drained
  const shown = await them.shows('show route 10.244.7.0/26 all', /^(?![\s\S]*65535,0)[\s\S]*10\.244\.7\.0/)
  expect(shown).toMatch(/10\.244\.7\.0\/26/)
  expect(us.speaker.drainStage).toBe('none')
})
