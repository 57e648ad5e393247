/**
 * TCP MD5 with BIRD and FRR in a namespace of their own, over IPv4 and IPv6: what a mismatch looks like to an engineer,
 * keys that come, change and go while other sessions run, and how many fit on one listener.
 */
import { readFileSync } from 'node:fs'
import type { PeerConfig } from '@starling/engine'
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { FarSide } from './support/far.js'
import { later, stopAll } from './support/later.js'
import { startStarling } from './support/starling.js'
import { eventually } from './support/wait.js'

needs('root', 'ip', 'bird', 'frr')

const US = { ipv4: '10.94.0.1', ipv6: 'fd94::1' } as const
const THEM = { ipv4: '10.94.0.2', ipv6: 'fd94::2' } as const
const SECOND = { ipv4: '10.94.0.3', ipv6: 'fd94::3' } as const
type Family = keyof typeof US
const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']
const QUICK = testTimers({ connectRetryTime: 1_000, idleHoldTime: [200, 1_000] })

let far: FarSide
beforeAll(() => {
  far = new FarSide(
    [`${US.ipv4}/24`, `${US.ipv6}/64`],
    [`${THEM.ipv4}/24`, `${SECOND.ipv4}/24`, `${THEM.ipv6}/64`, `${SECOND.ipv6}/64`],
  )
})
afterEach(stopAll)
afterAll(() => far.remove())

const bird = (family: Family, local: string, password: string | undefined) =>
  far.bird(`router id 10.94.0.2;
protocol device {}
protocol bgp starling {
  local ${local} as 65001; neighbor ${US[family]} as 65000; multihop; strict bind;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${password === undefined ? '' : `password "${password}";`}
  ${family} { import all; export all; };
}`)

const frr = (family: Family, password: string | undefined) =>
  far.frr(`router bgp 65001
 bgp router-id 10.94.0.2
 no bgp ebgp-requires-policy
 neighbor ${US[family]} remote-as 65000
 neighbor ${US[family]} update-source ${THEM[family]}
 neighbor ${US[family]} timers connect 1
 neighbor ${US[family]} ebgp-multihop 255
 ${password === undefined ? '' : `neighbor ${US[family]} password ${password}`}
 address-family ${family} unicast
  neighbor ${US[family]} activate
 exit-address-family
!
`)

const peer = (family: Family, remote: string, password: string | undefined, passive = false) =>
  testPeer(remote, {
    localAddress: US[family],
    remoteAs: 65001,
    timers: QUICK,
    passive,
    ...(password !== undefined && { password }),
  })
const ours = (family: Family, peers: readonly PeerConfig[]) =>
  startStarling(testConfig(US.ipv4, peers, { asNumber: 65000 }), US[family])

const MISTAKES: readonly [what: string, here: string | undefined, there: string | undefined, words: RegExp][] = [
  ['a password here, none there', 'secret', undefined, /does not sign its packets: a TCP MD5 password is set here/],
  ['a password there, none here', undefined, 'secret', /a password is set there, none here/],
  ['two different ones', 'secret', 'secreT', /the TCP MD5 passwords differ/],
]
const CELLS = (['BIRD', 'FRR'] as const).flatMap((name) =>
  FAMILIES.flatMap((family) => MISTAKES.map(([what, ...rest]) => [name, family, what, ...rest] as const)),
)

describe('a mismatch is named', () => {
  it.each(CELLS)('%s over %s: %s', async (name, family, _what, here, there, words) => {
    later(await (name === 'BIRD' ? bird(family, THEM[family], there) : frr(family, there)))
    const us = later(await ours(family, [peer(family, THEM[family], here)]))
    await us.untilReason(THEM[family], words)
    expect(us.view(THEM[family]).established).toBe(0)
    // Mended without a restart of anything.
    await us.speaker.configure(testConfig(US.ipv4, [peer(family, THEM[family], there)]))
    await us.until(THEM[family], 'Established')
  })

  it('to a peer that only listens, too, when it is they who dial', async () => {
    later(await bird('ipv4', THEM.ipv4, undefined))
    const us = later(await ours('ipv4', [peer('ipv4', THEM.ipv4, 'secret', true)]))
    await us.untilReason(THEM.ipv4, /none there for our address/)
  })
})

describe.each(FAMILIES)('keys over %s at run time', (family) => {
  it('are added, changed and removed without a word to the other sessions', async () => {
    const [a, b] = [THEM[family], SECOND[family]]
    // Two of them: BIRD has one session at a time with one address.
    later(await bird(family, a, 'first'))
    const second = later(await bird(family, b, 'second'))
    const set = (...peers: PeerConfig[]) => us.speaker.configure(testConfig(US.ipv4, peers))
    // They dial, so that it is the listener's keys that count.
    const us = later(await ours(family, [peer(family, a, 'first', true)]))
    await us.until(a, 'Established')
    await set(peer(family, a, 'first', true), peer(family, b, 'second', true))
    await us.until(b, 'Established')
    await set(peer(family, a, 'first', true), peer(family, b, 'changed', true))
    await second.shows('show protocols starling', /(start|down)/)
    await eventually('b is gone', () => us.view(b).state !== 'Established')
    await us.untilReason(b, /passwords differ/)
    await set(peer(family, a, 'first', true), peer(family, b, 'second', true))
    await us.until(b, 'Established')
    await set(peer(family, a, 'first', true))
    await second.shows('show protocols starling', /(Active|Connect|Idle|start)/)
    await set(peer(family, a, 'first', true), peer(family, b, undefined, true))
    await us.untilReason(b, /a password is set there, none here/)
    expect(us.view(a)).toMatchObject({ state: 'Established', established: 1, flaps: 0 })
  })

  it('hundreds fit on one listener, as many as the option memory holds, and the rest is explained', async () => {
    const room = Number(readFileSync('/proc/sys/net/core/optmem_max', 'utf8'))
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        peer(
          family,
          family === 'ipv4' ? `10.95.${i >> 8}.${i & 255}` : `fd95::${(i + 1).toString(16)}`,
          `key ${i}`,
          true,
        ),
      )
    const us = later(await ours(family, many(4_000)))
    const failed = us.notices.filter((notice) => notice.type === 'key-failed')
    const fit = 4_000 - failed.length
    console.log(`${family}: ${fit} MD5 keys on one listener with net.core.optmem_max = ${room}`)
    // 136 octets each (struct tcp_md5sig_key with what the allocator rounds up to), measured.
    expect(fit).toBeGreaterThan(room / 160)
    expect(failed[0]?.reason).toMatch(/net\.core\.optmem_max/)
    // Just below the limit nothing is refused, and a real session with the last key of them comes up.
    us.notices.length = 0
    const them = peer(family, THEM[family], 'first', true)
    await us.speaker.configure(testConfig(US.ipv4, [...many(fit - 5), them]))
    expect(us.notices.filter((notice) => notice.type === 'key-failed')).toEqual([])
    later(await bird(family, THEM[family], 'first'))
    await us.until(THEM[family], 'Established')
  })
})
