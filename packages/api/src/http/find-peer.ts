/**
 * Which peer somebody means: by its name or address first, then by what people call it beside that. A change must never
 * guess, so whatever fits several is answered with their names.
 */
import type { PeerView } from '@starling/engine'
import { ApiError } from '../errors.js'
import type { DaemonPorts } from '../ports.js'
import { escapeText } from '../text.js'

type Peers = Pick<DaemonPorts, 'peers' | 'nodeAt'>

/** Everybody whom a name can mean; reads may show them all. */
export function findPeers(ports: Peers, nameOrAddress: string): readonly PeerView[] {
  const peers = ports.peers()
  const found =
    peers.find((peer) => peer.key === nameOrAddress) ??
    peers.find((peer) => peer.name === nameOrAddress || peer.remoteAddress === nameOrAddress) ??
    // The router behind an interface, by the interface.
    peers.find((peer) => peer.key === `%${nameOrAddress}`)
  if (found !== undefined) return [found]
  for (const [, is] of LOOSE) {
    const there = peers.filter((peer) => is(peer, nameOrAddress, ports))
    if (there.length > 0) return there
  }
  throw new ApiError(
    'API_PEER_NOT_FOUND',
    `${escapeText(nameOrAddress, 60)}: no peer has this name or address, is on this interface or node, or comes from a resource of this name`,
  )
}

export function findPeer(ports: Peers, nameOrAddress: string): PeerView {
  const all = findPeers(ports, nameOrAddress)
  const [first] = all
  if (first !== undefined && all.length === 1) return first
  const [where] = LOOSE.find(([, is]) => first !== undefined && is(first, nameOrAddress, ports)) ?? ['have that name']
  const names = all.slice(0, NAMED).map(({ name }) => name)
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : ''
  throw new ApiError('API_BAD_REQUEST', `several peers ${where}: ${names.join(', ')}${more}`)
}

/** So many names help to choose; a mesh has thousands. */
const NAMED = 8

type Loose = readonly [where: string, is: (peer: PeerView, text: string, ports: Peers) => boolean]

/** What people call a peer beside its own name, in this order: each may fit several. */
const LOOSE: readonly Loose[] = [
  ['are on that node', (peer, text, ports) => ports.nodeAt?.(peer.remoteAddress) === text],
  ['have that address', (peer, text) => peer.remoteAddress.split('%')[0] === text.toLowerCase()],
  ['are on that interface', (peer, text) => peer.interface === text || peer.remoteAddress.split('%')[1] === text],
  ['come from that resource', ({ why }, text) => why.resource === text || why.resource.endsWith(`/${text}`)],
]
