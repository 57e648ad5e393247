import { expect, test } from 'vitest'
import type { Event, KernelRoute, Node, Peer, Road, Route } from '../data/types.js'
import { dissect, extent, rowsOf } from './anatomy.js'
import { bars } from './histogram.js'
import { curve, layout, modeFor, tally, topologyOf } from './layout.js'
import { stations } from './road.js'
import { spansOf } from './spans.js'

const node = (name: string, more: Partial<Node> = {}): Node => ({
  name,
  asNumber: 64512,
  asNumberInherited: true,
  labels: { rack: `r${name.length}` },
  blocks: 1,
  local: false,
  peers: [`peer of ${name}`],
  ...more,
})
const peer = (key: string, more: Partial<Peer> = {}): Peer =>
  ({
    key,
    name: key,
    state: 'Connect',
    enabled: true,
    remoteAddress: key,
    description: '',
    remoteAs: 64601,
    ...more,
  }) as Peer

test('racks and nodes are in the order people count, reflectors and outside peers above', () => {
  const nodes = ['n10', 'n9', 'n1', 'n2'].map((name) => node(name))
  const reflector = node('rr', { routeReflectorClusterId: '1.1.1.1' })
  const topology = topologyOf([...nodes, reflector], [], [peer('tor'), peer('peer of n1')])
  expect(topology.racks.map((rack) => rack.dots.map(({ name }) => name))).toEqual([['n1', 'n2', 'n9'], ['n10']])
  expect(topology.above.map(({ name, role }) => [name, role])).toEqual([
    ['tor', 'outside'],
    ['rr', 'reflector'],
  ])
})

test('a node is as healthy as its worst session', () => {
  const both = node('n1', { peers: ['v4', 'v6'] })
  const health = (down: Peer[]) => topologyOf([both], down, []).racks[0]?.dots[0]?.health
  expect(health([])).toBe('ok')
  expect(health([peer('v6')])).toBe('bad')
  expect(health([peer('v6', { state: 'OpenSent' })])).toBe('wait')
  expect(health([peer('v6', { enabled: false })])).toBe('off')
  expect(topologyOf([node('n1', { peers: [] })], [], []).racks[0]?.dots[0]?.health).toBe('none')
})

test.each([320, 600, 1200, 2400])('on %d pixels every box is inside and none covers another', (width) => {
  const nodes = Array.from({ length: 60 }, (_none, index) => node(`n${index}`, { labels: { rack: `r${index % 7}` } }))
  const plan = layout(topologyOf(nodes, [], [peer('tor1'), peer('tor2')]), width)
  for (const { height, width: w, x, y } of plan.dots) {
    expect(x).toBeGreaterThanOrEqual(0)
    expect(x + w).toBeLessThanOrEqual(width)
    expect(y + height).toBeLessThanOrEqual(plan.height)
  }
  for (const a of plan.dots) {
    for (const b of plan.dots) {
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
      expect(a === b || apart).toBe(true)
    }
  }
})

test('positions do not depend on the order of the answer or on health', () => {
  const nodes = Array.from({ length: 20 }, (_none, index) => node(`n${index}`))
  const places = (list: Node[], down: Peer[]) =>
    layout(topologyOf(list, down, []), 900).dots.map(({ dot, x, y }) => [dot.id, x, y])
  expect(places(nodes.toReversed(), [peer('peer of n3')])).toEqual(places(nodes, []))
})

test('the drawing gives way to tiles and then to a matrix', () => {
  expect([200, 201, 2000, 2001].map(modeFor)).toEqual(['drawing', 'tiles', 'tiles', 'matrix'])
  expect(
    tally({ name: '', dots: topologyOf([node('n1'), node('n2')], [peer('peer of n1')], []).racks[0]!.dots }),
  ).toEqual({ all: 2, bad: 1, wait: 0 })
})

test('lines bend below when both ends are in a row', () => {
  const [a, b] = layout(topologyOf([], [], [peer('tor1'), peer('tor2')]), 900).dots
  expect(curve(a!, b!)).toBe(
    curve(b!, a!).replace(/^M(\S+) (\S+) C(\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$/, 'M$7 $8 C$5 $6 $3 $4 $1 $2'),
  )
})

const route = (more: Partial<Route> = {}): Route => ({
  prefix: '10.0.0.0/24',
  family: 'ipv4',
  source: 'bgp',
  from: 'tor',
  peer: '10.0.0.1',
  best: true,
  multipath: false,
  stale: false,
  eligible: true,
  reason: '',
  nextHop: '10.0.0.1',
  origin: 'IGP',
  asPath: '',
  communities: [],
  clusterList: [],
  preference: 100,
  since: '',
  age: 1,
  ...more,
})
const installed: KernelRoute = { prefix: '10.0.0.0/24', family: 'ipv4', state: 'installed', why: 'tor', repairs: 0 }
const road = (more: Partial<Road>): Road => ({
  prefix: '10.0.0.0/24',
  paths: [route()],
  decision: [],
  exports: [],
  kernel: installed,
  ...more,
})

const ROADS: readonly (readonly [
  what: string,
  road: Partial<Road>,
  role: 'node' | 'reflector',
  stop: string | undefined,
  why: RegExp,
])[] = [
  ['open', {}, 'node', undefined, /^$/],
  ['announced by nobody', { paths: [] }, 'node', 'Received', /Nobody announces/],
  [
    'filtered',
    { paths: [route({ eligible: false, best: false, reason: 'import policy: BGPFilter/x' })] },
    'node',
    'Policy',
    /BGPFilter\/x/,
  ],
  ['undecided', { paths: [route({ best: false })] }, 'node', 'Decision', /has not run/],
  [
    'refused',
    { kernel: { ...installed, state: 'failed', lastError: { errno: 101, text: 'Network is unreachable' } } },
    'node',
    'Kernel',
    /unreachable \(errno 101\)/,
  ],
  ['drifted', { kernel: { ...installed, state: 'drifted' } }, 'node', 'Kernel', /changed by somebody else/i],
  [
    'waiting',
    { kernel: { ...installed, state: 'waiting', lastError: { errno: 0, text: 'no route to 10.0.0.1' } } },
    'node',
    undefined,
    /^$/,
  ],
  ['never asked for', { kernel: null }, 'node', 'Kernel', /no kernel route is asked/],
  ['our own', { paths: [route({ source: 'static', from: 'own block' })], kernel: null }, 'node', undefined, /^$/],
  ['through a reflector', { kernel: null }, 'reflector', undefined, /^$/],
]

test.each(ROADS)('the road of a prefix that is %s', (_what, change, role, stop, why) => {
  const list = stations(road(change), role)
  expect(list.map(({ title }) => title)).toEqual(['Received', 'Policy', 'Decision', 'Kernel', 'Exported'])
  const stopped = list.find(({ stops }) => stops !== undefined)
  expect(stopped?.title).toBe(stop)
  expect(stopped?.stops ?? '').toMatch(why)
})

test('a station with a thousand peers shows a few and counts the rest', () => {
  const exports = Array.from({ length: 1000 }, (_none, index) => ({
    peer: `${index}`,
    name: `p${index}`,
    sent: true,
    reason: '',
  }))
  const station = stations(road({ exports }), 'node')[4]
  expect(station?.headline).toBe('to 1000 of 1000 peers')
  expect(station?.lines.at(-1)?.text).toBe('and 992 more')
})

const change = (id: number, at: number, from: string, to: string): Event =>
  ({
    id,
    at: new Date(at).toISOString(),
    code: to === 'Established' ? 'SESSION_UP' : 'SESSION_DOWN',
    level: 'warn',
    message: '',
    event: { type: 'session-state', peer: 'p', name: 'p', from, to, reason: '' },
  }) as Event

test('a session is told as spans without holes', () => {
  const spans = spansOf(
    [change(1, 1000, 'OpenConfirm', 'Established'), change(2, 5000, 'Established', 'Idle')],
    peer('p', { since: '' }),
    9000,
  )
  expect(spans.map(({ from, state, to }) => [state, from, to])).toEqual([
    ['Established', 1000, 5000],
    ['Idle', 5000, 9000],
  ])
  expect(spansOf([], peer('p', { state: 'Established', since: new Date(2000).toISOString() }), 9000)).toMatchObject([
    { from: 2000, to: 9000 },
  ])
})

test('the histogram counts every event once, whatever the slices', () => {
  const log = Array.from({ length: 50 }, (_none, index) =>
    change(index, index * 100, 'Idle', index % 5 === 0 ? 'Idle' : 'Established'),
  )
  for (const slices of [1, 7, 96]) {
    const list = bars(log, 0, 4900, slices)
    expect(list.reduce((sum, { all }) => sum + all, 0)).toBe(50)
    expect(list.reduce((sum, { bad }) => sum + bad, 0)).toBe(10)
  }
})

const KEEPALIVE = `${'ff'.repeat(16)}001304`

test('a message is taken apart into rows of octets and lines that know their octets', () => {
  const anatomy = dissect(KEEPALIVE.replace(/(..)/g, '$1 '))
  expect(anatomy?.octets).toHaveLength(19)
  expect(rowsOf(anatomy!.octets).map(({ octets }) => octets.length)).toEqual([16, 3])
  const length = anatomy!.lines.findIndex(({ text }) => text.startsWith('length'))
  expect(extent(anatomy!.lines, length, 19)).toEqual([16, 18])
  expect(extent(anatomy!.lines, 0, 19)).toEqual([0, 0])
})

test.each(['', 'xyz', 'f', '<b>'])('"%s" is no message', (text) => {
  expect(dissect(text)).toBeUndefined()
})
