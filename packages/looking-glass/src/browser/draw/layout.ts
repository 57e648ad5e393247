/**
 * Where everything stands in the topology: pure, the same input always gives the same positions, so nothing jumps.
 *
 * Racks come from the node label `rack`. Up to 200 nodes each is drawn; above, racks collapse into counted tiles; above
 * 2,000 a matrix of cells replaces the drawing. Reflectors and outside peers (ToRs) stand above the racks.
 */
import type { Node, Peer } from '../data/types.js'

export type Health = 'ok' | 'wait' | 'bad' | 'off' | 'none'

export interface Dot {
  /** Stable: `node/worker-1`, `peer/192.0.2.1`. */
  readonly id: string
  readonly name: string
  readonly label: string
  /** Second line where there is room: an address, an AS. */
  readonly detail: string
  readonly role: 'node' | 'reflector' | 'outside'
  readonly self: boolean
  /** State of our sessions with it, worst first; `none` without a session. */
  readonly health: Health
  readonly peers: readonly string[]
  /** Of an outside router that is no peer of ours: a node that has a session with it. */
  readonly onNode?: string
}

/** Sessions between two boxes, by their ids. */
export interface Link {
  readonly a: string
  readonly b: string
  readonly health: Health
}

export interface Rack {
  readonly name: string
  readonly dots: readonly Dot[]
}

export interface Topology {
  readonly above: readonly Dot[]
  readonly racks: readonly Rack[]
  readonly nodes: number
  /** Of the whole cluster, when it was asked; otherwise our own sessions are the lines. */
  readonly links?: readonly Link[]
}

const WORST: readonly Health[] = ['bad', 'wait', 'off', 'ok', 'none']
export const worst = (states: readonly Health[]): Health => WORST.find((state) => states.includes(state)) ?? 'none'

export function healthOf(peer: Pick<Peer, 'state' | 'enabled'>): Health {
  if (!peer.enabled) return 'off'
  if (peer.state === 'Established') return 'ok'
  return peer.state === 'OpenSent' || peer.state === 'OpenConfirm' ? 'wait' : 'bad'
}

/** Names ascend as people count: node-2 before node-10. */
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name.localeCompare(b.name, 'en', { numeric: true })

const RACK_LABELS = ['rack', 'topology.kubernetes.io/rack', 'topology.kubernetes.io/zone']

export function rackOf(node: Pick<Node, 'labels'>): string {
  return RACK_LABELS.map((label) => node.labels[label]).find((value) => value !== undefined && value !== '') ?? ''
}

/** `down`: every peer that is not Established; `outside`: peers that may be on no node (everything but the mesh). */
export function topologyOf(nodes: readonly Node[], down: readonly Peer[], outside: readonly Peer[]): Topology {
  const trouble = new Map(down.map((peer) => [peer.key, healthOf(peer)]))
  const onNodes = new Set(nodes.flatMap(({ peers }) => peers))
  const above: Dot[] = []
  const racks = new Map<string, Dot[]>()
  for (const node of nodes) {
    const reflector = node.routeReflectorClusterId !== undefined && node.routeReflectorClusterId !== ''
    const dot: Dot = {
      id: `node/${node.name}`,
      name: node.name,
      label: node.name,
      detail: node.ipv4Address ?? node.ipv6Address ?? '',
      role: reflector ? 'reflector' : 'node',
      self: node.local,
      health: worst(node.peers.map((key) => trouble.get(key) ?? 'ok')),
      peers: node.peers,
    }
    if (reflector) above.push(dot)
    else {
      const rack = rackOf(node)
      const there = racks.get(rack)
      if (there === undefined) racks.set(rack, [dot])
      else there.push(dot)
    }
  }
  for (const peer of outside) {
    if (onNodes.has(peer.key)) continue
    above.push({
      id: `peer/${peer.key}`,
      name: peer.name,
      label: peer.description === '' ? peer.remoteAddress : peer.description,
      detail: `${peer.remoteAs === undefined ? '' : `AS ${peer.remoteAs}, `}${peer.remoteAddress}`,
      role: 'outside',
      self: false,
      health: healthOf(peer),
      peers: [peer.key],
    })
  }
  return {
    above: above.sort((a, b) => (a.role === b.role ? byName(a, b) : a.role === 'outside' ? -1 : 1)),
    racks: [...racks].map(([name, dots]) => ({ name, dots: dots.sort(byName) })).sort(byName),
    nodes: nodes.length,
  }
}

export type Mode = 'drawing' | 'tiles' | 'matrix'

export function modeFor(nodes: number): Mode {
  return nodes <= 200 ? 'drawing' : nodes <= 2000 ? 'tiles' : 'matrix'
}

export interface Place {
  readonly dot: Dot
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface RackPlace {
  readonly rack: Rack
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly dots: readonly Place[]
  readonly racks: readonly RackPlace[]
}

const GAP = 16
const PAD = 12
const TITLE = 24
/** Up to so many nodes get large boxes with a second line. */
const FEW = 40
const SMALL = { node: { width: 112, height: 28 }, above: { width: 176, height: 32 } }
const LARGE = { node: { width: 148, height: 44 }, above: { width: 200, height: 48 } }

/** Rows of boxes of one size, as many in a row as fit, each row centred. */
function rows(count: number, width: number, box: { width: number; height: number }, top: number) {
  const perRow = Math.max(1, Math.floor((width + GAP) / (box.width + GAP)))
  const places: { x: number; y: number }[] = []
  for (let index = 0; index < count; index++) {
    const row = Math.floor(index / perRow)
    const inRow = Math.min(perRow, count - row * perRow)
    const left = (width - (inRow * (box.width + GAP) - GAP)) / 2
    places.push({ x: left + (index % perRow) * (box.width + GAP), y: top + row * (box.height + GAP) })
  }
  return { places, height: count === 0 ? 0 : Math.ceil(count / perRow) * (box.height + GAP) }
}

/** Nodes side by side while all racks fit in one row: then no line runs behind a box. Tall racks get two columns. */
function columnsOf({ racks, nodes }: Topology, most: number, box: number, width: number): number {
  const two = most > 6 && width >= 2 * (box + PAD) + PAD ? 2 : 1
  if (nodes > FEW) return two
  const share = Math.floor((width + GAP) / Math.max(1, racks.length)) - GAP
  return Math.max(two, Math.min(most, 4, Math.floor((share - PAD) / (box + PAD))))
}

export function layout(topology: Topology, width: number): Layout {
  const { above: aboveBox, node: nodeBox } = topology.nodes <= FEW ? LARGE : SMALL
  const above = rows(topology.above.length, width, aboveBox, 4)
  const dots: Place[] = topology.above.map((dot, index) => ({ dot, ...above.places[index]!, ...aboveBox }))
  const most = Math.max(1, ...topology.racks.map((rack) => rack.dots.length))
  const columns = columnsOf(topology, most, nodeBox.width, width)
  const rack = {
    width: columns * (nodeBox.width + PAD) + PAD,
    height: TITLE + Math.ceil(most / columns) * (nodeBox.height + 8) + PAD,
  }
  const top = topology.above.length === 0 ? 4 : above.height + 56
  const grid = rows(topology.racks.length, width, rack, top)
  const racks = topology.racks.map((each, index) => ({ rack: each, ...grid.places[index]!, ...rack }))
  for (const place of racks) {
    place.rack.dots.forEach((dot, index) => {
      dots.push({
        dot,
        x: place.x + PAD + (index % columns) * (nodeBox.width + PAD),
        y: place.y + TITLE + 4 + Math.floor(index / columns) * (nodeBox.height + 8),
        ...nodeBox,
      })
    })
  }
  return { width, height: top + Math.max(grid.height, 8), dots, racks }
}

/** A thin curve between the facing edges of two boxes. */
export function curve(from: Place, to: Place): string {
  const [upper, lower] = from.y <= to.y ? [from, to] : [to, from]
  const x1 = upper.x + upper.width / 2
  const x2 = lower.x + lower.width / 2
  if (lower.y - upper.y < upper.height) {
    // Neighbours in a row: bend below both.
    const y = upper.y + upper.height
    return `M${x1} ${y} C${x1} ${y + 30} ${x2} ${y + 30} ${x2} ${y}`
  }
  const y1 = upper.y + upper.height
  const middle = (y1 + lower.y) / 2
  return `M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${lower.y}`
}

/** Per rack, for tiles and for words: how many of what. */
export function tally(rack: Rack): { readonly all: number; readonly bad: number; readonly wait: number } {
  return {
    all: rack.dots.length,
    bad: rack.dots.filter(({ health }) => health === 'bad').length,
    wait: rack.dots.filter(({ health }) => health === 'wait' || health === 'off').length,
  }
}
