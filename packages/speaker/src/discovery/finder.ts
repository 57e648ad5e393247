/**
 * The router behind one interface, found by router advertisements (RFC 4861): a pure machine. Facts about the link,
 * decoded messages and `now` come in; messages to send and "something changed" go out through its sink.
 *
 * We solicit until somebody answers and advertise ourselves all the time, because the other side finds us in the same
 * way. What is found is only an address to speak BGP with; who speaks is BGP's to judge.
 *
 *  - One router on the link is the neighbour. Two are refused in words: nobody said which of them is meant.
 *  - The neighbour of an Established session stays it, whatever is (or is no longer) heard: silence of advertisements is
 *    no broken path, that is the hold timer's and BFD's business.
 *  - A link that goes down, is another one, or loses its link-local address forgets everything at once.
 *
 * Our Router Lifetime is 0. FRR and BIRD take the source address and never look at it (and so do we); any other value
 * would make every host on that link, and a router that accepts advertisements, send us its default route.
 */
import type { DiscoveryMessage } from './packet.js'

/** What there is to know of an interface. */
export interface LinkState {
  readonly name: string
  readonly index: number
  readonly up: boolean
  /** It has carrier. */
  readonly running: boolean
  /** A link-local address that may be used: not tentative, no duplicate. */
  readonly linkLocal: string | undefined
  readonly linkAddress: Uint8Array | undefined
}

export interface FinderSink {
  send(what: DiscoveryMessage['type']): void
  /** The neighbour, or the reason why there is none, is another one. */
  changed(): void
}

export interface FinderCounters {
  advertisementsSent: number
  advertisementsReceived: number
  solicitationsSent: number
  solicitationsReceived: number
  /** Malformed, or our own coming back. */
  discarded: number
}

interface Router {
  readonly address: string
  /** How long it counts without being heard. */
  hold: number
  heardAt: number
  /** It once said a lifetime: a zero behind it is a goodbye (section 6.2.5). */
  lifetime: number
}

export const ROUTER_LIFETIME = 0
/** As FRR's for unnumbered peers; the jitter of section 6.2.4 shortens it. */
export const ADVERTISE_INTERVAL = 10_000
/** So many a second apart when there may be somebody who does not know us. */
export const BURST = 3
/** Section 6.2.6 wants 3 s for links with many hosts; between two routers a second is what FRR keeps too. */
export const LEAST_GAP = 1_000
/** Section 6.2.6 allows up to 500 ms against collisions of answers: on these links nobody else answers. */
const ANSWER_DELAY = 50
/** Section 10: a second or more between solicitations. RFC 7559: never give up, but ever more calmly. */
const SOLICIT_INTERVAL = 1_000
const SOLICIT_MAXIMUM = 30_000
const QUICK_SOLICITATIONS = 3
/** Three of the other side's intervals, where its lifetime says less. */
export const LEAST_HOLD = 30_000
/** After these the reason says how long we have been looking, in a rounded number. */
const PATIENCE = [5_000, 30_000, 60_000, 300_000, 3_600_000]
/** A newcomer may have taken the place of the one we know: who does not answer a solicitation for so long is gone. */
export const PROBE_HOLD = 5_000
/** More routers than anybody can mean; the table must not grow with whoever sends. */
const ROUTERS = 16
const NEVER = Number.POSITIVE_INFINITY

export class RouterFinder {
  readonly name: string
  readonly counters: FinderCounters = {
    advertisementsSent: 0,
    advertisementsReceived: 0,
    solicitationsSent: 0,
    solicitationsReceived: 0,
    discarded: 0,
  }
  lastDiscard = ''
  readonly #sink: FinderSink
  readonly #random: () => number
  readonly #routers = new Map<string, Router>()
  #link: LinkState | undefined
  #neighbor: string | undefined
  #reason = ''
  #sessionUp = false
  /** Since when nobody is heard, and how many steps of {@link PATIENCE} that has been. */
  #lookingSince: number
  #spoken = 0
  #advertiseAt = NEVER
  #advertisedAt = Number.NEGATIVE_INFINITY
  #burst = 0
  #solicitAt = NEVER
  #solicitedAt = Number.NEGATIVE_INFINITY
  #solicitations = 0

  constructor(name: string, sink: FinderSink, random: () => number, now: number) {
    this.name = name
    this.#sink = sink
    this.#random = random
    this.#lookingSince = now
    this.#reason = this.#words(now)
  }

  /** Link-local address without its zone. */
  get neighbor(): string | undefined {
    return this.#neighbor
  }

  /** Why there is no neighbour; empty when there is one. */
  get reason(): string {
    return this.#reason
  }

  get link(): LinkState | undefined {
    return this.#link
  }

  /** Every router heard, with the milliseconds since it was. */
  routers(now: number): { readonly address: string; readonly age: number }[] {
    return [...this.#routers.values()].map(({ address, heardAt }) => ({ address, age: now - heardAt }))
  }

  // --- inputs

  linkChanged(link: LinkState | undefined, now: number): void {
    const before = this.#link
    this.#link = link
    const same = before?.index === link?.index
    if (!usable(link)) this.#rest()
    else if (!same || !usable(before)) this.#begin(now)
    // Who knows our old address must learn the new one.
    else if (before?.linkLocal !== link?.linkLocal) this.#burstFrom(now)
    this.#settle(now)
  }

  #rest(): void {
    this.#routers.clear()
    this.#advertiseAt = NEVER
    this.#solicitAt = NEVER
  }

  #begin(now: number): void {
    this.#rest()
    this.#lookingSince = now
    this.#solicitations = 0
    this.#solicitAt = now + this.#random() * ANSWER_DELAY
    this.#advertisedAt = Number.NEGATIVE_INFINITY
    this.#burstFrom(now)
  }

  /** A message that arrived here; text = why it must be discarded. */
  received(message: DiscoveryMessage | string, source: string, now: number): void {
    const link = this.#link
    if (!usable(link)) return
    if (typeof message === 'string' || source === link.linkLocal) {
      this.counters.discarded++
      this.lastDiscard = typeof message === 'string' ? `${message} (from ${source})` : 'our own message came back'
      return
    }
    if (message.type === 'solicitation') {
      this.counters.solicitationsReceived++
      this.#advertiseBy(now + this.#random() * ANSWER_DELAY)
      return
    }
    this.counters.advertisementsReceived++
    this.#heard(source, message.routerLifetime, now)
    this.#settle(now)
  }

  #heard(address: string, lifetime: number, now: number): void {
    const known = this.#routers.get(address)
    if (known !== undefined && known.lifetime > 0 && lifetime === 0) {
      this.#routers.delete(address)
      this.#solicitations = 0
      this.#solicitAt = now + SOLICIT_INTERVAL
      return
    }
    if (known === undefined) {
      if (this.#routers.size >= ROUTERS) return
      // It may have been looking for us, too.
      this.#burstFrom(now)
      for (const other of this.#routers.values()) {
        other.hold = Math.min(other.hold, now - other.heardAt + PROBE_HOLD)
      }
    }
    this.#routers.set(address, { address, heardAt: now, lifetime, hold: Math.max(lifetime * 1000, LEAST_HOLD) })
    this.#solicitations = 0
    const due = Math.min(...[...this.#routers.values()].map(({ heardAt, hold }) => heardAt + (hold * 2) / 3))
    const probing = known === undefined && this.#routers.size > 1
    this.#solicitAt = Math.max(probing ? now : due, this.#solicitedAt + SOLICIT_INTERVAL)
  }

  /** Somebody here wanted to speak BGP whom we do not know: ask who routers are, and say who we are. */
  stranger(now: number): void {
    if (!usable(this.#link) || this.#neighbor !== undefined) return
    this.#solicitAt = Math.min(this.#solicitAt, now)
  }

  sessionChanged(up: boolean, now: number): void {
    this.#sessionUp = up
    this.#settle(now)
  }

  // --- time

  deadline(): number {
    let at = Math.min(this.#advertiseAt, this.#solicitAt)
    for (const { heardAt, hold } of this.#routers.values()) at = Math.min(at, heardAt + hold)
    if (this.#reason !== '' && usable(this.#link) && this.#routers.size === 0) at = Math.min(at, this.#nextPatience())
    return at
  }

  #nextPatience(): number {
    const step = PATIENCE[this.#spoken]
    return step === undefined ? NEVER : this.#lookingSince + step
  }

  tick(now: number): void {
    for (const [address, { heardAt, hold }] of this.#routers) {
      if (now < heardAt + hold) continue
      this.#routers.delete(address)
      if (this.#routers.size === 0) this.#lookingSince = heardAt
    }
    if (now >= this.#advertiseAt) this.#advertise(now)
    if (now >= this.#solicitAt) this.#solicit(now)
    this.#settle(now)
  }

  #advertiseBy(at: number): void {
    this.#advertiseAt = Math.min(this.#advertiseAt, Math.max(at, this.#advertisedAt + LEAST_GAP))
  }

  #burstFrom(now: number): void {
    this.#burst = BURST
    this.#advertiseBy(now + this.#random() * ANSWER_DELAY)
  }

  #advertise(now: number): void {
    this.counters.advertisementsSent++
    this.#advertisedAt = now
    this.#burst = Math.max(0, this.#burst - 1)
    this.#advertiseAt = now + (this.#burst > 0 ? LEAST_GAP : ADVERTISE_INTERVAL * (0.75 + 0.25 * this.#random()))
    this.#sink.send('advertisement')
  }

  #solicit(now: number): void {
    this.counters.solicitationsSent++
    this.#solicitedAt = now
    this.#solicitations++
    const doublings = Math.max(0, this.#solicitations - QUICK_SOLICITATIONS)
    const pause = Math.min(SOLICIT_MAXIMUM, SOLICIT_INTERVAL * 2 ** Math.min(doublings, 8))
    this.#solicitAt = now + pause * (1 + 0.1 * this.#random())
    this.#sink.send('solicitation')
  }

  // --- the answer

  #settle(now: number): void {
    const before = this.#neighbor
    const [only] = this.#routers.keys()
    if (!usable(this.#link)) this.#neighbor = undefined
    else if (before === undefined || !this.#sessionUp) this.#neighbor = this.#routers.size === 1 ? only : undefined
    this.#spoken = PATIENCE.filter((step) => now - this.#lookingSince >= step).length
    const reason = this.#neighbor === undefined ? this.#words(now) : ''
    if (before === this.#neighbor && reason === this.#reason) return
    this.#reason = reason
    this.#sink.changed()
  }

  #words(now: number): string {
    const { name } = this
    const trouble = linkTrouble(name, this.#link)
    if (trouble !== '') return trouble
    const addresses = [...this.#routers.keys()].sort()
    if (addresses.length > 1) {
      return `${addresses.length} routers on ${name} (${addresses.join(', ')}): an unnumbered peer needs a link with one; name the peer by address (peerIP: ${addresses[0]}%${name})`
    }
    const waited = PATIENCE.findLast((step) => now - this.#lookingSince >= step)
    if (waited === undefined) return `looking for the router on ${name}`
    return `no router advertisement seen on ${name} for ${duration(waited)}: is RA sending on at the other side?`
  }
}

function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000
  return seconds < 120 ? `${seconds} s` : `${seconds / 60} min`
}

function usable(link: LinkState | undefined): link is LinkState & { readonly linkLocal: string } {
  return link?.up === true && link.running && link.linkLocal !== undefined
}

/** Why nobody can be spoken to over link-local addresses of an interface; empty when all is well. */
export function linkTrouble(name: string, link: LinkState | undefined): string {
  if (link === undefined) return `interface ${name} does not exist`
  if (!link.up) return `interface ${name} is down`
  if (!link.running) return `interface ${name} has no carrier`
  if (link.linkLocal === undefined) {
    return `interface ${name} has no usable link-local address (yet): is IPv6 switched off there (sysctl net.ipv6.conf.${name}.disable_ipv6)?`
  }
  return ''
}
