/**
 * The whole cluster in the drawing: what every speaker says of its own sessions, as lines between the boxes.
 *
 * Both ends of a session may speak of it, and the worse word counts. Peers outside of the cluster are one box per router
 * (AS and router id), however many addresses the nodes know it by. Pure, and in an order that does not depend on who
 * answered first.
 */
import type { Survey } from '../data/types.js'
import { type Dot, type Health, healthOf, type Link, type Topology, worst } from './layout.js'

/** Beyond this only what is wrong, and our own sessions, are lines: a mesh of hundreds would be a grey sheet. */
const MOST_LINES = 1500

type Session = Survey['speakers'][number]['sessions'][number]

const stateHealth = ({ state }: Session): Health =>
  healthOf({ state: state as Parameters<typeof healthOf>[0]['state'], enabled: true })

/** `BGPPeer tor1-r1` and `BGPPeer tor1-r2` are `tor1`. */
export function commonName(names: readonly string[]): string {
  const [first = '', ...rest] = names.map((name) => name.replace(/^BGPPeer /, ''))
  if (rest.every((name) => name === first)) return first
  let length = 0
  while (length < first.length && rest.every((name) => name[length] === first[length])) length++
  return first.slice(0, length).replace(/[-_. ][^-_. ]*$/, '')
}

interface Outsider {
  readonly addresses: Set<string>
  readonly descriptions: Set<string>
  readonly nodes: Set<string>
  readonly states: Health[]
  readonly remoteAs: number | undefined
}

const identityOf = ({ remoteAddress, remoteAs, remoteRouterId }: Session): string =>
  remoteRouterId === undefined || remoteAs === undefined ? remoteAddress : `AS${remoteAs} ${remoteRouterId}`

/** A peer that is down has no router id; whoever else has a session with that address knows it. */
function identities(survey: Survey): ReadonlyMap<string, string> {
  const known = new Map<string, string>()
  for (const { sessions } of survey.speakers)
    for (const session of sessions)
      if (session.remoteRouterId !== undefined) known.set(session.remoteAddress, identityOf(session))
  return known
}

export function withSurvey(topology: Topology, survey: Survey | undefined): Topology {
  if (survey === undefined || !survey.speakers.some(({ source }) => source === 'api' || source === 'node-status'))
    return topology
  const known = identities(survey)
  const outsiders = new Map<string, Outsider>()
  const links = new Map<string, Health[]>()
  const join = (a: string, b: string, health: Health): void => {
    const key = a < b ? `${a}\n${b}` : `${b}\n${a}`
    const states = links.get(key)
    if (states === undefined) links.set(key, [health])
    else states.push(health)
  }
  for (const { name, sessions } of survey.speakers) {
    for (const session of sessions) {
      const health = stateHealth(session)
      if (session.node !== undefined) {
        join(`node/${name}`, `node/${session.node}`, health)
        continue
      }
      const identity = known.get(session.remoteAddress) ?? identityOf(session)
      const outsider = outsiders.get(identity) ?? fresh(session)
      outsiders.set(identity, outsider)
      outsider.addresses.add(session.remoteAddress)
      if (session.description !== undefined) outsider.descriptions.add(session.description)
      outsider.nodes.add(name)
      outsider.states.push(health)
      join(`node/${name}`, `router/${identity}`, health)
    }
  }
  const states = statesOf(links)
  const speaking = new Set(survey.speakers.flatMap(({ name, source }) => (source === 'none' ? [] : [`node/${name}`])))
  const own = topology.above.filter(({ role }) => role === 'outside')
  const above = [
    ...[...outsiders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([identity, each]) => box(identity, each, own)),
    ...topology.above.filter(({ role }) => role !== 'outside').map((dot) => judged(dot, states, speaking)),
  ]
  return {
    nodes: topology.nodes,
    above,
    racks: topology.racks.map((rack) => ({ ...rack, dots: rack.dots.map((dot) => judged(dot, states, speaking)) })),
    links: shownLinks(links, above, topology),
  }
}

const fresh = ({ remoteAs }: Session): Outsider => ({
  addresses: new Set(),
  descriptions: new Set(),
  nodes: new Set(),
  states: [],
  remoteAs,
})

function statesOf(links: ReadonlyMap<string, readonly Health[]>): ReadonlyMap<string, readonly Health[]> {
  const states = new Map<string, Health[]>()
  for (const [key, of] of links) {
    for (const id of key.split('\n')) states.set(id, [...(states.get(id) ?? []), worst(of)])
  }
  return states
}

/** A session that is down is a line in colour; a box has colour when it is the one to look at. */
const lost = (states: readonly Health[]): Health => (states.every((state) => state === 'bad') ? 'bad' : 'ok')

/** One that speaks is down when all its sessions are; one that is silent, when anybody misses it. Our own view adds to it. */
function judged(dot: Dot, states: ReadonlyMap<string, readonly Health[]>, speaking: ReadonlySet<string>): Dot {
  const theirs = states.get(dot.id)
  if (theirs === undefined || dot.self) return dot
  return { ...dot, health: worst([dot.health, speaking.has(dot.id) ? lost(theirs) : worst(theirs)]) }
}

function box(identity: string, outsider: Outsider, own: readonly Dot[]): Dot {
  const addresses = [...outsider.addresses].sort()
  const mine = own.filter(({ peers }) => peers.some((key) => outsider.addresses.has(key)))
  const where = addresses.length === 1 ? addresses[0] : `${addresses.length} addresses`
  const name = commonName([...outsider.descriptions].sort())
  return {
    id: `router/${identity}`,
    name: mine[0]?.name ?? '',
    label: name === '' ? (addresses[0] ?? identity) : name,
    detail: `${outsider.remoteAs === undefined ? '' : `AS ${outsider.remoteAs}, `}${where}`,
    role: 'outside',
    self: false,
    health: worst([lost(outsider.states), ...mine.map(({ health }) => health)]),
    peers: mine.flatMap(({ peers }) => peers),
    ...(mine.length > 0 ? {} : { onNode: [...outsider.nodes].sort()[0] ?? '' }),
  }
}

function shownLinks(
  links: ReadonlyMap<string, readonly Health[]>,
  above: readonly Dot[],
  topology: Topology,
): readonly Link[] {
  const boxes = [...above, ...topology.racks.flatMap(({ dots }) => dots)]
  const there = new Set(boxes.map(({ id }) => id))
  const self = boxes.find((dot) => dot.self)?.id
  const all = [...links]
    .map(([key, states]): Link => {
      const [a = '', b = ''] = key.split('\n')
      return { a, b, health: worst(states) }
    })
    .filter(({ a, b }) => there.has(a) && there.has(b))
    .sort((x, y) => (`${x.a} ${x.b}` < `${y.a} ${y.b}` ? -1 : 1))
  return all.length <= MOST_LINES
    ? all
    : all.filter(({ a, b, health }) => health !== 'ok' || a === self || b === self).slice(0, MOST_LINES)
}

/** One sentence on whose word the drawing is. */
export function witnessWords(survey: Survey | undefined): string {
  if (survey === undefined) return ''
  const others = survey.speakers.filter(({ source }) => source !== 'here')
  if (others.length === 0) return ''
  if (!survey.asks && !others.some(({ source }) => source === 'node-status')) {
    return 'The sessions of this speaker alone; with --nodes-port it asks the other nodes for theirs.'
  }
  const count = (wanted: string): number => others.filter(({ source }) => source === wanted).length
  const silent = others.filter(({ source }) => source === 'none')
  const parts = [`${count('api')} of ${others.length} other nodes answer for themselves`]
  if (count('node-status') > 0) parts.push(`${count('node-status')} by the status they wrote`)
  if (silent.length > 0) {
    const names = silent.slice(0, 3).map(({ name, problem }) => `${name} (${problem ?? 'silent'})`)
    parts.push(`not ${names.join(', ')}${silent.length > 3 ? ` and ${silent.length - 3} more` : ''}`)
  }
  return `${parts.join('; ')}.`
}
