/**
 * Our own side of an interop test: a real speaker on real sockets, with what it did written down.
 */
import { formatAddress } from '@starling/bgp-packet'
import type { EngineConfig, EngineEvent, FamilyName, InstallView, PeerKey, PeerView } from '@starling/engine'
import { Speaker, type SpeakerNotice, type SpeakerOptions } from '@starling/speaker'
import { LinkWatch } from '@starling/speaker/links'
import { eventually } from './wait.js'

export interface Starling {
  readonly speaker: Speaker
  readonly events: EngineEvent[]
  readonly notices: SpeakerNotice[]
  /** Prefix text to the octets of its next hops, as the kernel would get them. */
  readonly routes: Map<string, string>
  /** Prefix text to `next hop*weight` of a multipath route. */
  readonly weights: Map<string, string>
  /** The same with devices: `fe80::1 dev eth0`. */
  readonly hops: Map<string, string>
  view(peer: PeerKey): PeerView
  /** Wait for a state. */
  until(peer: PeerKey, state: PeerView['state'], limit?: number): Promise<PeerView>
  /** Wait for words in the reason why a peer is not up. */
  untilReason(peer: PeerKey, pattern: RegExp, limit?: number): Promise<PeerView>
  stop(mode?: 'restart' | 'shutdown' | 'drain'): Promise<void>
}

function prefixText(address: Uint8Array, length: number): string {
  return `${formatAddress(address)}/${length}`
}

export async function startStarling(
  config: EngineConfig,
  address: string,
  options: Partial<Pick<SpeakerOptions, 'restarting' | 'listen' | 'bfd' | 'bfdRanges'>> = {},
): Promise<Starling> {
  const events: EngineEvent[] = []
  const notices: SpeakerNotice[] = []
  const routes = new Map<string, string>()
  const weights = new Map<string, string>()
  const hopsOf = new Map<string, string>()
  const speaker = new Speaker({
    config,
    listen: options.listen ?? [{ address, port: 179 }],
    restarting: options.restarting ?? false,
    ...(options.bfd !== undefined && { bfd: options.bfd }),
    ...(options.bfdRanges !== undefined && { bfdRanges: options.bfdRanges }),
    links: (events) => new LinkWatch(events),
    notice: (notice) => notices.push(notice),
    extras: {
      installRoute: (route: InstallView) => {
        const hops = route.nextHops.map((hop) => formatAddress(hop.address))
        const prefix = prefixText(route.address, route.length)
        routes.set(prefix, hops.join(' '))
        const weighted = route.nextHops.map(({ weight }, i) => `${hops[i]}*${weight}`)
        weights.set(prefix, weighted.sort().join(' '))
        const devices = route.nextHops.map(({ device }) => (device === undefined ? '' : ` dev ${device}`))
        hopsOf.set(prefix, hops.map((hop, i) => `${hop}${devices[i]}`).join(', '))
      },
      removeRoute: (_family: FamilyName, bytes, length) => {
        routes.delete(prefixText(bytes, length))
        hopsOf.delete(prefixText(bytes, length))
      },
      trackNextHop: () => undefined,
      untrackNextHop: () => undefined,
      event: (event) => events.push(event),
    },
  })
  await speaker.start()
  const view = (peer: PeerKey): PeerView => {
    const found = speaker.engine.peer(peer)
    if (found === undefined) throw new Error(`no peer ${peer}`)
    return found
  }
  const state = (peer: PeerKey) => () => `${view(peer).state}: ${view(peer).reason}`
  return {
    speaker,
    events,
    notices,
    routes,
    weights,
    hops: hopsOf,
    view,
    async until(peer, wanted, limit) {
      const options = { state: state(peer), ...(limit !== undefined && { limit }) }
      await eventually(`${peer} is ${wanted}`, () => view(peer).state === wanted, options)
      return view(peer)
    },
    async untilReason(peer, pattern, limit) {
      const options = { state: state(peer), ...(limit !== undefined && { limit }) }
      await eventually(`${peer} says ${pattern}`, () => pattern.test(view(peer).reason), options)
      return view(peer)
    },
    stop: (mode = 'shutdown') => speaker.stop({ mode }),
  }
}
