import { describe, expect, it } from 'vitest'
import { ADVERTISE_INTERVAL, BURST, LEAST_HOLD, type LinkState, PROBE_HOLD, RouterFinder } from './finder.js'
import type { DiscoveryMessage } from './packet.js'

const LINK: LinkState = {
  name: 'eth0',
  index: 7,
  up: true,
  running: true,
  linkLocal: 'fe80::a',
  linkAddress: undefined,
}
const advertisement = (routerLifetime = 0): DiscoveryMessage => ({ type: 'advertisement', routerLifetime })
const SOLICITATION: DiscoveryMessage = { type: 'solicitation' }

interface Made {
  readonly finder: RouterFinder
  /** `time what`. */
  readonly sent: string[]
  /** Neighbour or reason, each time it changed. */
  readonly told: string[]
  now: number
  /** Time passes, every deadline on the way is met. */
  wait(milliseconds: number): void
}

function make(link: LinkState | undefined = LINK, random = () => 0): Made {
  const made: Made = {
    finder: new RouterFinder(
      'eth0',
      {
        send: (what) => made.sent.push(`${made.now} ${what}`),
        changed: () => made.told.push(made.finder.neighbor ?? made.finder.reason),
      },
      random,
      0,
    ),
    sent: [],
    told: [],
    now: 0,
    wait(milliseconds) {
      const end = made.now + milliseconds
      for (let turns = 0; made.finder.deadline() <= end; turns++) {
        if (turns > 10_000) throw new Error('it never rests')
        made.now = Math.max(made.now, made.finder.deadline())
        made.finder.tick(made.now)
      }
      made.now = end
    },
  }
  made.finder.linkChanged(link, 0)
  return made
}

const of = (made: Made, what: string) =>
  made.sent.filter((line) => line.endsWith(what)).map((line) => Number.parseInt(line, 10))

describe('a router finder', () => {
  it('asks and speaks at once on a link that is there, then ever more calmly, and never gives up', () => {
    const made = make()
    made.wait(600_000)
    expect(of(made, 'solicitation').slice(0, 8)).toEqual([0, 1_000, 2_000, 3_000, 5_000, 9_000, 17_000, 33_000])
    expect(of(made, 'solicitation').at(-1)).toBeGreaterThan(560_000)
    expect(of(made, 'advertisement').slice(0, 5)).toEqual([0, 1_000, 2_000, 9_500, 17_000])
    expect(of(made, 'advertisement').length).toBe(BURST + Math.floor((600_000 - 2_000) / (0.75 * ADVERTISE_INTERVAL)))
  })

  it('spreads its messages by chance, within bounds', () => {
    const made = make(LINK, () => 0.99)
    made.wait(60_000)
    const times = of(made, 'advertisement')
    expect(times[0]).toBeLessThan(50)
    for (let i = BURST; i < times.length; i++) {
      const gap = (times[i] ?? 0) - (times[i - 1] ?? 0)
      expect(gap).toBeGreaterThanOrEqual(0.75 * ADVERTISE_INTERVAL)
      expect(gap).toBeLessThanOrEqual(ADVERTISE_INTERVAL)
    }
  })

  it('says in words, and in steps, that nobody answers', () => {
    const made = make()
    made.wait(61_000)
    expect(made.told).toEqual([
      'looking for the router on eth0',
      'no router advertisement seen on eth0 for 5 s: is RA sending on at the other side?',
      'no router advertisement seen on eth0 for 30 s: is RA sending on at the other side?',
      'no router advertisement seen on eth0 for 60 s: is RA sending on at the other side?',
    ])
    made.wait(300_000)
    expect(made.finder.reason).toMatch(/for 5 min/)
  })

  it.each([
    ['with a lifetime', 1800],
    ['without', 0],
  ])('takes the one router it hears %s', (_what, lifetime) => {
    const made = make()
    made.wait(100)
    made.finder.received(advertisement(lifetime), 'fe80::1', made.now)
    expect(made.finder.neighbor).toBe('fe80::1')
    expect(made.finder.reason).toBe('')
    expect(made.told.at(-1)).toBe('fe80::1')
  })

  it('stops asking when it knows, speaks in a burst to a newcomer, and asks again before it would forget', () => {
    const made = make()
    made.wait(5_500)
    made.sent.length = 0
    made.finder.received(advertisement(), 'fe80::1', made.now)
    made.wait(LEAST_HOLD)
    expect(of(made, 'advertisement').slice(0, 3)).toEqual([5_500, 6_500, 7_500])
    expect(of(made, 'solicitation')[0]).toBe(5_500 + (LEAST_HOLD * 2) / 3)
    expect(made.finder.neighbor).toBeUndefined()
    expect(made.finder.reason).toMatch(/no router advertisement seen on eth0 for 30 s/)
  })

  it('keeps a router as long as it goes on speaking', () => {
    const made = make()
    for (let i = 0; i < 20; i++) {
      made.wait(10_000)
      made.finder.received(advertisement(30), 'fe80::1', made.now)
    }
    expect(made.told.filter((text) => text === 'fe80::1')).toHaveLength(1)
    expect(made.finder.neighbor).toBe('fe80::1')
  })

  it('answers a solicitation, but not more often than once a second', () => {
    const made = make()
    made.wait(5_000)
    made.sent.length = 0
    for (let i = 0; i < 10; i++) made.finder.received(SOLICITATION, 'fe80::1', made.now)
    made.wait(500)
    expect(of(made, 'advertisement')).toEqual([5_000])
    made.finder.received(SOLICITATION, '::', made.now)
    made.wait(1_000)
    expect(of(made, 'advertisement')).toEqual([5_000, 6_000])
    expect(made.finder.counters.solicitationsReceived).toBe(11)
    // Who asks is no router yet.
    expect(made.finder.neighbor).toBeUndefined()
  })

  /** These routers answer every solicitation, a tenth of a second later. */
  function answering(made: Made, milliseconds: number, ...routers: string[]): void {
    const end = made.now + milliseconds
    while (made.now < end) {
      const before = of(made, 'solicitation').length
      made.wait(100)
      if (of(made, 'solicitation').length === before) continue
      for (const router of routers) made.finder.received(advertisement(), router, made.now)
    }
  }

  it('refuses a link with two routers in words, and takes the one that stays', () => {
    const made = make()
    made.finder.received(advertisement(), 'fe80::2', 0)
    made.finder.received(advertisement(), 'fe80::1', 0)
    answering(made, 100_000, 'fe80::1', 'fe80::2')
    expect(made.finder.neighbor).toBeUndefined()
    expect(made.finder.reason).toBe(
      '2 routers on eth0 (fe80::1, fe80::2): an unnumbered peer needs a link with one; name the peer by address (peerIP: fe80::1%eth0)',
    )
    answering(made, LEAST_HOLD, 'fe80::2')
    expect(made.finder.neighbor).toBe('fe80::2')
    expect(of(made, 'solicitation').length).toBeLessThan(30)
  })

  it('asks at once when another router appears: the one we know may be gone', () => {
    const made = make()
    made.finder.received(advertisement(1800), 'fe80::1', 0)
    made.wait(60_000)
    made.sent.length = 0
    made.finder.received(advertisement(), 'fe80::2', made.now)
    expect(made.finder.neighbor).toBeUndefined()
    answering(made, PROBE_HOLD, 'fe80::2')
    expect(made.finder.neighbor).toBe('fe80::2')
    const asked = of(made, 'solicitation')
    for (let i = 1; i < asked.length; i++) expect((asked[i] ?? 0) - (asked[i - 1] ?? 0)).toBeGreaterThanOrEqual(1_000)
  })

  it('keeps the neighbour of a session that is up, though another one speaks or it falls silent', () => {
    const made = make()
    made.finder.received(advertisement(), 'fe80::1', 0)
    made.finder.sessionChanged(true, 0)
    made.finder.received(advertisement(), 'fe80::2', 0)
    expect(made.finder.neighbor).toBe('fe80::1')
    made.wait(300_000)
    expect(made.finder.neighbor).toBe('fe80::1')
    made.finder.sessionChanged(false, made.now)
    expect(made.finder.neighbor).toBeUndefined()
    expect(made.finder.reason).toMatch(/no router advertisement seen on eth0 for/)
  })

  it('takes the new address of a router whose session went down, once the old one is no longer heard', () => {
    const made = make()
    made.finder.received(advertisement(30), 'fe80::1', 0)
    made.finder.received(advertisement(0), 'fe80::1', 10)
    expect(made.finder.neighbor).toBeUndefined()
    made.finder.received(advertisement(30), 'fe80::2', 20)
    expect(made.finder.neighbor).toBe('fe80::2')
  })

  const TROUBLE: readonly [string, LinkState | undefined, RegExp][] = [
    ['goes away', undefined, /^interface eth0 does not exist$/],
    ['is set down', { ...LINK, up: false, running: false }, /^interface eth0 is down$/],
    ['loses its carrier', { ...LINK, running: false }, /^interface eth0 has no carrier$/],
    ['loses its link-local address', { ...LINK, linkLocal: undefined }, /no usable link-local address/],
  ]
  it.each(TROUBLE)(
    'forgets at once when the interface %s, even under a session, and begins anew',
    (_what, link, words) => {
      const made = make()
      made.finder.received(advertisement(1800), 'fe80::1', 0)
      made.finder.sessionChanged(true, 0)
      made.wait(20_000)
      made.sent.length = 0
      made.finder.linkChanged(link, made.now)
      expect(made.finder.neighbor).toBeUndefined()
      expect(made.finder.reason).toMatch(words)
      made.finder.received(advertisement(1800), 'fe80::1', made.now)
      made.wait(60_000)
      expect(made.sent).toEqual([])
      expect(made.finder.neighbor).toBeUndefined()
      made.finder.linkChanged(LINK, made.now)
      made.wait(0)
      expect(made.sent).toEqual(['80000 advertisement', '80000 solicitation'])
      expect(made.finder.reason).toBe('looking for the router on eth0')
    },
  )

  it('forgets when the interface is another one of the same name', () => {
    const made = make()
    made.finder.received(advertisement(1800), 'fe80::1', 0)
    made.finder.linkChanged({ ...LINK, index: 8 }, 10)
    expect(made.finder.neighbor).toBeUndefined()
  })

  it('tells its new address to the one it knows', () => {
    const made = make()
    made.finder.received(advertisement(1800), 'fe80::1', 0)
    made.wait(30_000)
    made.sent.length = 0
    made.finder.linkChanged({ ...LINK, linkLocal: 'fe80::b' }, made.now)
    made.wait(100)
    expect(made.sent).toEqual(['30000 advertisement'])
    expect(made.finder.neighbor).toBe('fe80::1')
  })

  it('asks at once when a stranger wants to speak BGP', () => {
    const made = make()
    made.wait(100_000)
    made.sent.length = 0
    made.finder.stranger(made.now)
    made.wait(1)
    expect(of(made, 'solicitation')).toEqual([100_000])
  })

  it('counts what it discards: malformed messages and its own', () => {
    const made = make()
    made.finder.received('an option of length 0', 'fe80::9', 0)
    expect(made.finder.lastDiscard).toBe('an option of length 0 (from fe80::9)')
    made.finder.received(advertisement(), 'fe80::a', 0)
    expect(made.finder.counters.discarded).toBe(2)
    expect(made.finder.neighbor).toBeUndefined()
  })

  it('is not filled up by whoever sends', () => {
    const made = make()
    for (let i = 1; i < 1_000; i++) made.finder.received(advertisement(), `fe80::${i.toString(16)}`, 0)
    expect(made.finder.routers(0)).toHaveLength(15 + 1)
    expect(made.finder.reason).toMatch(/^16 routers/)
  })
})
