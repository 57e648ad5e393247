/**
 * Sessions with real BIRD: who dials, passwords, TTL security, and what a wrong setting looks like on both sides.
 */
import { connect } from 'node:net'
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { startBird } from './support/daemon.js'
import { later, stopAll } from './support/later.js'
import { enterPrivateNetwork } from './support/network.js'
import { startStarling } from './support/starling.js'
import { eventually, pause } from './support/wait.js'

needs('root', 'ip', 'bird')

const US = '10.99.0.1'
const THEM = '10.99.0.2'
const QUICK = testTimers({ connectRetryTime: 2_000, idleHoldTime: [200, 1_000] })

beforeAll(() => enterPrivateNetwork([US, 'fd99::1'], [THEM, 'fd99::2']))
afterEach(stopAll)

function peer(overrides: Parameters<typeof testPeer>[1] = {}) {
  return testConfig(US, [testPeer(THEM, { localAddress: US, timers: QUICK, ...overrides })])
}

function bird(lines: string, as = 65000): string {
  return `router id ${THEM};
protocol device {}
protocol bgp starling {
  local ${THEM} as 65000; neighbor ${US} as ${as}; strict bind; multihop;
  connect delay time 1; connect retry time 2; error wait time 1, 2;
  ${lines}
  ipv4 { import all; export all; }; ipv6 { import all; export all; };
}`
}

describe('a session with BIRD', () => {
  it('comes up when we dial', async () => {
    const them = later(await startBird(bird('passive;')))
    const us = later(await startStarling(peer(), US))
    expect((await us.until(THEM, 'Established')).remoteRouterId).toBe(THEM)
    await them.shows('show protocols starling', /Established/)
  })

  it('comes up when BIRD dials', async () => {
    const us = later(await startStarling(peer({ passive: true }), US))
    later(await startBird(bird('')))
    await us.until(THEM, 'Established')
  })

  it('comes up over IPv6, with routes of both families possible', async () => {
    const them = bird('').replaceAll(US, 'fd99::1').replaceAll(`local ${THEM}`, 'local fd99::2')
    later(await startBird(them))
    const config = testConfig(US, [testPeer('fd99::2', { localAddress: 'fd99::1', timers: QUICK })])
    const us = later(await startStarling(config, 'fd99::1'))
    await us.until('fd99::2', 'Established')
  })

  it('is one session when both dial at the same moment', async () => {
    later(await startBird(bird('')))
    const us = later(await startStarling(peer(), US))
    await us.until(THEM, 'Established')
    await pause(1_500)
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
  })

  it('agrees on a password, and on a new one, while other sessions stay', async () => {
    const them = later(await startBird(bird('password "first";')))
    const us = later(await startStarling(peer({ password: 'first' }), US))
    await us.until(THEM, 'Established')
    await us.speaker.configure(peer({ password: 'second' }))
    await eventually('the session is reset', () => us.view(THEM).state !== 'Established')
    await them.ask('disable starling')
    await them.stop()
    later(await startBird(bird('password "second";')))
    await us.until(THEM, 'Established')
    const resets = us.events.filter(({ type }) => type === 'session-reset')
    expect(resets).toEqual([expect.objectContaining({ field: 'password' })])
  })

  it('takes a password from a dialling BIRD, too', async () => {
    const us = later(await startStarling(peer({ password: 'first', passive: true }), US))
    later(await startBird(bird('password "first";')))
    await us.until(THEM, 'Established')
  })

  it('holds TTL security in both directions', async () => {
    later(await startBird(bird('ttl security yes; multihop 1;').replace('multihop;', '')))
    const us = later(await startStarling(peer({ ttlSecurity: 1 }), US))
    await us.until(THEM, 'Established')
    const passive = later(await startStarling(peer({ ttlSecurity: 1, passive: true }), US, { listen: [] }))
    await passive.stop()
  })
})

describe('a mistake is named', () => {
  it('wrong AS, found by us', async () => {
    const them = later(await startBird(bird('', 65000)))
    const us = later(await startStarling(peer({ remoteAs: 65009 }), US))
    await us.untilReason(THEM, /wrong AS: the peer is AS 65000, configured is AS 65009/)
    await them.shows('show protocols all starling', /Bad peer AS/)
  })

  it('wrong AS, found by BIRD', async () => {
    later(await startBird(bird('', 65009)))
    const us = later(await startStarling(peer(), US))
    const view = await us.untilReason(THEM, /peer said: OPEN Message Error\/Bad Peer AS.*another AS than our 65000/)
    expect(view.lastError).toMatchObject({ code: 2, subcode: 2, direction: 'received' })
  })

  it('wrong password', async () => {
    later(await startBird(bird('passive; password "theirs";')))
    const us = later(await startStarling(peer({ password: 'ours' }), US))
    await us.untilReason(THEM, /MD5 password probably differs/)
  })

  it('nobody there', async () => {
    const us = later(await startStarling(peer(), US))
    await us.untilReason(THEM, /connection refused: nothing accepts BGP at 10\.99\.0\.2 port 179/)
  })

  it('a local address that this machine does not have', async () => {
    const us = later(await startStarling(peer({ localAddress: '10.99.7.7' }), US))
    await us.untilReason(THEM, /local address 10\.99\.7\.7 is not on this machine/)
  })

  it('administrative shutdown with its text, both ways', async () => {
    const them = later(await startBird(bird('')))
    const us = later(await startStarling(peer(), US))
    await us.until(THEM, 'Established')
    us.speaker.admin(THEM, 'disable', { reason: 'rack 4 moves' })
    await them.shows('show protocols all starling', /Received: (Administrative shutdown|Hard reset|.*rack 4 moves)/)
    us.speaker.admin(THEM, 'enable')
    await us.until(THEM, 'Established')
    // Its words stand as the reason only until the next attempt: the event keeps them.
    us.events.length = 0
    await them.ask('disable starling "going home"')
    const words = /Administrative Shutdown: "going home"|administratively shut down/
    await eventually(
      'their words are told',
      () => us.events.some((event) => event.type === 'session-state' && words.test(event.reason)),
      { state: () => JSON.stringify(us.events) },
    )
  })
})

describe('port 179 is open to the world', () => {
  /** What comes back for some octets, until the other side closes. */
  function answerTo(octets: Uint8Array, localAddress: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const socket = connect({ host: US, port: 179, localAddress }, () => socket.write(octets))
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('error', () => resolve(Buffer.concat(chunks)))
      socket.on('close', () => resolve(Buffer.concat(chunks)))
      setTimeout(() => reject(new Error('no end')), 60_000).unref()
    })
  }

  /** Code and subcode of the NOTIFICATION in an answer. */
  function notification(answer: Buffer): string {
    for (let at = 0; at + 19 <= answer.length; at += answer.readUInt16BE(at + 16)) {
      if (answer[at + 18] === 3) return `${answer[at + 19]}/${answer[at + 20]}`
    }
    return 'none'
  }

  it('a stranger is closed without a word', async () => {
    const us = later(await startStarling(peer({ remoteAddress: '10.99.0.99', key: '10.99.0.99' }), US))
    expect((await answerTo(Buffer.from('GET / HTTP/1.0\r\n\r\n'), THEM)).length).toBe(0)
    expect(us.events.some(({ type }) => type === 'connection-refused')).toBe(true)
  })

  it('garbage from a known address gets the right NOTIFICATION, and no other session notices', async () => {
    const third = '10.99.0.1'
    later(await startBird(bird('passive;')))
    const config = testConfig(US, [
      testPeer(THEM, { localAddress: US, timers: QUICK }),
      testPeer('127.0.0.9', { passive: true }),
    ])
    const us = later(await startStarling(config, third))
    await us.until(THEM, 'Established')
    const marker = Buffer.alloc(16, 255)
    const rows: [what: string, octets: Buffer, expected: string][] = [
      ['text', Buffer.from('GET / HTTP/1.0\r\nHost: nowhere\r\n\r\n'), '1/1'],
      ['a length below 19', Buffer.concat([marker, Buffer.from([0, 18, 4])]), '1/2'],
      ['a length above 4096', Buffer.concat([marker, Buffer.from([0xff, 0xff, 2])]), '1/2'],
      ['an unknown type', Buffer.concat([marker, Buffer.from([0, 19, 77])]), '1/3'],
      ['an UPDATE before OPEN', Buffer.concat([marker, Buffer.from([0, 23, 2, 0, 0, 0, 0])]), '5/1'],
      ['version 3', Buffer.concat([marker, Buffer.from([0, 29, 1, 3, 0, 1, 0, 90, 1, 1, 1, 1, 0])]), '2/1'],
      ['hold time 2', Buffer.concat([marker, Buffer.from([0, 29, 1, 4, 0xfd, 0xe8, 0, 2, 1, 1, 1, 1, 0])]), '2/6'],
      ['router id 0', Buffer.concat([marker, Buffer.from([0, 29, 1, 4, 0xfd, 0xe8, 0, 90, 0, 0, 0, 0, 0])]), '2/3'],
    ]
    for (const [what, octets, expected] of rows) {
      // Refused attempts count towards idle hold: the operator's hand ends it.
      us.speaker.admin('127.0.0.9', 'restart')
      expect(notification(await answerTo(octets, '127.0.0.9')), what).toBe(expected)
    }
    expect(us.view(THEM)).toMatchObject({ state: 'Established', flaps: 0 })
    expect(us.speaker.engine.internalErrors).toBe(0)
    await eventually('all sockets are gone', () => us.speaker.connections === 1)
  })
})
