/**
 * Routers on links, as the speaker sees them: the complete set of wanted interfaces in, "something changed" out.
 *
 * It lends sockets, a clock and the kernel's interfaces to one {@link RouterFinder} per unnumbered peer, and says of
 * every interface that link-local sessions live on whether it can carry them. Nothing is opened before somebody asks.
 */
import { formatAddress } from '@starling/bgp-packet'
import type { DiscoveryView } from '@starling/engine'
import { errnoName } from '@starling/sys'
import { now } from '../clock.js'
import { linkTrouble, ROUTER_LIFETIME, RouterFinder } from './finder.js'
import type { LinkSource, LinkSourceFactory } from './link-source.js'
import { type DiscoveryMessage, decodeDiscovery, encodeAdvertisement, encodeSolicitation } from './packet.js'
import { ALL_NODES, ALL_ROUTERS, type DiscoverySocket, openDiscoverySocket } from './sockets.js'

export interface DiscoveryEvents {
  /** A neighbour, or a reason why there is none, or the state of a link. */
  changed(): void
  problem(text: string): void
}

class Place {
  readonly finder: RouterFinder
  socket: DiscoverySocket | undefined
  /** Of the socket. */
  index = 0
  /** Why there is no socket; empty when there is one, or nothing to open it on. */
  trouble = ''
  /** The last message did not leave. */
  failing = false

  constructor(finder: RouterFinder) {
    this.finder = finder
  }
}

export class DiscoveryHost {
  readonly #events: DiscoveryEvents
  readonly #random: () => number
  readonly #places = new Map<string, Place>()
  #watched: ReadonlySet<string> = new Set()
  readonly #watch: LinkSourceFactory | undefined
  #links: LinkSource | undefined
  #timer: NodeJS.Timeout | undefined
  /** Of the links in use, as it was last told. */
  #told = ''
  /** Interfaces cannot be watched at all. */
  #broken = ''
  #stopped = false

  /** Without `watch` nothing is known of interfaces, and no router is found. */
  constructor(events: DiscoveryEvents, watch: LinkSourceFactory | undefined, random: () => number) {
    this.#events = events
    this.#watch = watch
    this.#random = random
    if (watch === undefined) this.#broken = 'routers are not looked for here: only a node has unnumbered peers'
  }

  /** `unnumbered`: where routers are looked for. `watched`: where link-local peers with an address live. */
  set(unnumbered: ReadonlySet<string>, watched: ReadonlySet<string>): void {
    for (const [name, place] of this.#places) {
      if (unnumbered.has(name)) continue
      place.socket?.close()
      this.#places.delete(name)
    }
    this.#watched = watched
    for (const name of unnumbered) if (!this.#places.has(name)) this.#add(name)
    if (this.#links === undefined && !this.#stopped && unnumbered.size + watched.size > 0) {
      this.#links = this.#watch?.({
        changed: () => this.#linksChanged(),
        problem: (text) => {
          this.#broken = text
          this.#events.problem(text)
        },
      })
      this.#links?.start()
    } else if (this.#links?.known === true) this.#linksChanged()
  }

  #add(name: string): void {
    const sink = {
      send: (what: DiscoveryMessage['type']) => this.#send(place, what),
      changed: () => this.#events.changed(),
    }
    const place = new Place(new RouterFinder(name, sink, this.#random, now()))
    this.#places.set(name, place)
  }

  #linksChanged(): void {
    const at = now()
    for (const [name, place] of this.#places) {
      const link = this.#links?.find(name)
      if (place.index !== (link?.index ?? 0)) {
        place.socket?.close()
        place.socket = undefined
        place.index = 0
        place.trouble = ''
      }
      if (link !== undefined && place.socket === undefined) this.#open(place, link)
      place.finder.linkChanged(link, at)
    }
    this.#arm()
    // Interfaces of others come and go by the hundred: only what sessions live on is news.
    const state = [...this.#places.keys(), ...this.#watched].map((name) => {
      const own = this.own(name)
      return `${this.trouble(name)} ${own?.address} ${own?.index}`
    })
    const text = state.join('\n')
    if (text === this.#told) return
    this.#told = text
    this.#events.changed()
  }

  #open(place: Place, link: Parameters<typeof openDiscoverySocket>[0]): void {
    try {
      place.socket = openDiscoverySocket(link, (bytes, source) => {
        place.finder.received(decodeDiscovery(bytes, source), formatAddress(source), now())
        this.#arm()
      })
      place.index = link.index
      place.trouble = ''
    } catch (error) {
      const hint = (error as { code?: string }).code === 'EPERM' ? ' (it needs CAP_NET_RAW)' : ''
      const text = `routers on ${link.name} cannot be looked for${hint}: ${words(error)}`
      if (text !== place.trouble) this.#events.problem(text)
      place.trouble = text
    }
  }

  #send(place: Place, what: DiscoveryMessage['type']): void {
    const { socket, finder } = place
    const { link } = finder
    if (socket === undefined || link === undefined) return
    const errno =
      what === 'advertisement'
        ? socket.send(encodeAdvertisement(ROUTER_LIFETIME, link.linkAddress), ALL_NODES)
        : socket.send(encodeSolicitation(link.linkAddress), ALL_ROUTERS)
    // Once per run of failures: a minute has many messages.
    if (errno !== 0 && !place.failing) {
      this.#events.problem(`a router ${what} did not leave ${finder.name}: ${errnoName(errno)}`)
    }
    place.failing = errno !== 0
  }

  /** The router found behind an interface (with its zone), or why there is none. */
  look(name: string): { readonly neighbor: string } | { readonly reason: string } {
    const place = this.#places.get(name)
    if (place === undefined || this.#links?.known !== true) {
      return { reason: this.#broken === '' ? `looking for the router on ${name}` : this.#broken }
    }
    if (place.trouble !== '') return { reason: place.trouble }
    const { neighbor, reason } = place.finder
    return neighbor === undefined ? { reason } : { neighbor: `${neighbor}%${name}` }
  }

  /** Why an interface carries no link-local session; empty when it does, or nothing is known yet. */
  trouble(name: string): string {
    return this.#links?.known === true ? linkTrouble(name, this.#links.find(name)) : ''
  }

  /** Our usable link-local address on an interface, with its zone and the interface's index. */
  own(name: string): { readonly address: string; readonly index: number } | undefined {
    const link = this.#links?.find(name)
    if (link === undefined || linkTrouble(name, link) !== '') return undefined
    return { address: `${link.linkLocal}%${name}`, index: link.index }
  }

  sessionChanged(name: string, up: boolean): void {
    this.#places.get(name)?.finder.sessionChanged(up, now())
    this.#arm()
  }

  stranger(name: string): void {
    this.#places.get(name)?.finder.stranger(now())
    this.#arm()
  }

  view(name: string): DiscoveryView | undefined {
    const place = this.#places.get(name)
    if (place === undefined) return undefined
    const { finder } = place
    return {
      interface: name,
      reason: '',
      ...this.look(name),
      routers: finder.routers(now()),
      ...finder.counters,
      lastDiscard: finder.lastDiscard,
    }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#links?.close()
    for (const { socket } of this.#places.values()) socket?.close()
    this.#places.clear()
  }

  #arm(): void {
    clearTimeout(this.#timer)
    let next = Number.POSITIVE_INFINITY
    for (const { finder } of this.#places.values()) next = Math.min(next, finder.deadline())
    if (next === Number.POSITIVE_INFINITY || this.#stopped) return
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(next - now())))
  }

  #tick(): void {
    const at = now()
    for (const { finder } of this.#places.values()) if (finder.deadline() <= at) finder.tick(at)
    this.#arm()
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
