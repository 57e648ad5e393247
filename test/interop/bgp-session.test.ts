/**
 * Sessions with BIRD, FRR, GoBGP and OpenBGPD: they come up whoever dials, and a wrong setting is named as such.
 */
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { type Daemon, startBird } from './support/daemon.js'
import { enterPrivateNetwork } from './support/network.js'
import { type Starling, startStarling } from './support/starling.js'

needs('root', 'ip', 'bird')

const US = '10.99.0.1'
const THEM = '10.99.0.2'

const running: { stop(): Promise<void> }[] = []
function later<T extends Daemon | Starling>(thing: T): T {
  running.push(thing)
  return thing
}

beforeAll(() => enterPrivateNetwork([US, THEM, 'fd99::1', 'fd99::2']))
afterEach(async () => {
  for (const thing of running.splice(0)) await thing.stop()
})

function bird(lines: string, as = 65000): string {
  return `router id ${THEM};
protocol device {}
protocol bgp starling { local ${THEM} as 65000; neighbor ${US} as ${as}; strict bind; ${lines} ipv4 { import all; export all; }; ipv6 { import all; export all; }; }`
}

describe('a session with BIRD', () => {
  it('comes up when we dial', async () => {
    const peer = later(await startBird(bird('multihop; passive;')))
    const us = later(await startStarling(testConfig(US, [testPeer(THEM, { localAddress: US })]), US))
    const view = await us.until(THEM, 'Established')
    expect(view.remoteRouterId).toBe(THEM)
    await peer.shows('show protocols starling', /Established/)
  })

  it('comes up when BIRD dials', async () => {
    const timers = testTimers()
    const us = later(
      await startStarling(testConfig(US, [testPeer(THEM, { passive: true, timers, localAddress: US })]), US, {
        tables,
      }),
    )
    later(await startBird(bird('multihop; connect delay time 1;')))
    await us.until(THEM, 'Established')
  })
})
