/**
 * A birdwatcher-compatible read API under /birdwatcher, so that Alice-LG shows a Starling without change: point its
 * source (type `single_table`) at `http://HOST:PORT/birdwatcher`.
 *
 * Field names, and numbers as text where birdwatcher has text (local_pref, med, each AS of as_path), are what its readers
 * parse: Alice-LG drops numbers there without a word. Refusals carry their words as text for the same reader. Times are
 * UTC, `2006-01-02 15:04:05`. Route lists are written page by page and never held whole.
 */
import { Readable } from 'node:stream'
import type { FamilyName, PeerView, RouteQuery, RouteView } from '@starling/engine'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { splitCommunities } from '../communities.js'
import { ApiError } from '../errors.js'
import { parsePrefix } from '../input.js'
import type { DaemonPorts } from '../ports.js'
import { type Json, rfc3339 } from '../present.js'
import { escapeText } from '../text.js'
import type { ApiContext } from './context.js'
import { findPeer } from './find-peer.js'
import { NAME_PARAMS, text } from './schemas.js'
import { breath } from './search.js'

const PAGE = 500
/** Readers cache our answers for so long. */
const TTL = 60_000

const shortTime = (epoch: number): string => rfc3339(epoch).slice(0, 19).replace('T', ' ')

function envelope(ports: DaemonPorts): { [key: string]: Json } {
  const now = ports.toEpoch(ports.now())
  return {
    api: {
      Version: '2.0.0',
      result_from_cache: false,
      cache_status: { cached_at: { date: rfc3339(now), timezone_type: 'UTC', timezone: 'UTC' }, orig_ttl: 0 },
    },
    ttl: rfc3339(now + TTL),
  }
}

function status(ports: DaemonPorts): Json {
  const identity = ports.identity()
  return {
    router_id: identity.routerId,
    version: `Starling ${identity.version}`,
    message: 'Daemon is up and running',
    current_server: shortTime(ports.toEpoch(ports.now())),
    last_reboot: shortTime(ports.toEpoch(identity.startedAt)),
    last_reconfig: shortTime(ports.toEpoch(identity.configuredAt)),
  }
}

function protocol(peer: PeerView, ports: DaemonPorts): Json {
  const sum = (field: 'received' | 'accepted' | 'preferred' | 'sent'): number =>
    peer.families.reduce((total, family) => total + family[field], 0)
  return {
    protocol: peer.name,
    bird_protocol: 'BGP',
    table: 'master',
    state: peer.state === 'Established' ? 'up' : peer.enabled ? 'start' : 'down',
    state_changed: shortTime(ports.toEpoch(peer.since)),
    connection: peer.state,
    description: escapeText(peer.description === '' ? peer.name : peer.description),
    neighbor_address: peer.remoteAddress,
    neighbor_as: peer.remoteAs ?? 0,
    neighbor_id: peer.remoteRouterId ?? '',
    last_error: peer.state === 'Established' ? '' : escapeText(peer.reason),
    routes: {
      imported: sum('accepted'),
      filtered: Math.max(0, sum('received') - sum('accepted')),
      exported: sum('sent'),
      preferred: sum('preferred'),
    },
  }
}

/** Sets and confederations lose their brackets: a reader makes a number of each. */
const asNumbers = (value: string): string[] => value.match(/[0-9]+/g) ?? []

function route(item: RouteView, ports: DaemonPorts): Json {
  const communities = splitCommunities(item.communities)
  return {
    network: item.prefix,
    gateway: item.nextHop ?? '',
    interface: '',
    from_protocol: escapeText(item.from),
    learnt_from: item.peer?.split(' ')[0] ?? '',
    age: shortTime(ports.toEpoch(item.since)),
    primary: item.best,
    metric: item.preference,
    type: ['BGP', 'unicast', 'univ'],
    bgp: {
      origin: item.origin === 'INCOMPLETE' ? 'Incomplete' : item.origin,
      as_path: asNumbers(item.asPath),
      next_hop: item.nextHop ?? '',
      local_pref: String(item.localPref ?? 0),
      med: String(item.med ?? 0),
      communities: communities.plain,
      large_communities: communities.large,
      ext_communities: communities.extended,
    },
  }
}

/** Between two pages everybody else gets a turn, however fast the reader reads and however little is found. */
const PAUSE = Symbol('pause')
type Walk = Iterable<RouteView | typeof PAUSE>

function* allPages(ports: DaemonPorts, query: Omit<RouteQuery, 'limit' | 'cursor'>): Walk {
  let cursor: string | undefined
  do {
    const page = ports.routes({ ...query, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    yield* page.routes
    cursor = page.next
    yield PAUSE
  } while (cursor !== undefined)
}

/** What BIRD calls its tables: `master` holds both families, `master4` and `master6` one. */
const TABLES: Readonly<Record<string, FamilyName | undefined>> = {
  master: undefined,
  master4: 'ipv4',
  master6: 'ipv6',
}

const TABLE_PARAMS = {
  type: 'object',
  required: ['table'],
  properties: { table: { type: 'string', enum: Object.keys(TABLES) } },
} as const

type FamilyQuery = Pick<RouteQuery, 'family'>

function familyOf(table: string): FamilyQuery {
  const family = TABLES[table]
  return family === undefined ? {} : { family }
}

/** Best routes that are not in a peer's Adj-RIB-Out, its own left out. */
function* notExported(ports: DaemonPorts, peer: PeerView): Walk {
  const exported = new Set<string>()
  for (const item of allPages(ports, { view: 'exported', peer: peer.key })) {
    if (item === PAUSE) yield item
    else exported.add(item.prefix)
  }
  for (const item of allPages(ports, { view: 'best' })) {
    if (item === PAUSE || (item.peer !== peer.key && !exported.has(item.prefix))) yield item
  }
}

function* filteredOfAll(ports: DaemonPorts, family: FamilyQuery): Walk {
  for (const peer of ports.peers()) yield* allPages(ports, { view: 'filtered', peer: peer.key, ...family })
}

function* eligible(routes: Walk): Walk {
  for (const item of routes) if (item === PAUSE || item.eligible) yield item
}

/** `{"api":...,"ttl":...,"routes":[` and then the routes as they come. */
async function* body(ports: DaemonPorts, routes: Walk): AsyncGenerator<string> {
  yield `${JSON.stringify(envelope(ports)).slice(0, -1)},"routes":[`
  let separator = ''
  let chunk = ''
  for (const item of routes) {
    if (item === PAUSE) {
      await breath()
      continue
    }
    chunk += separator + JSON.stringify(route(item, ports))
    separator = ','
    if (chunk.length > 16_384) {
      yield chunk
      chunk = ''
    }
  }
  yield `${chunk}]}`
}

export function registerBirdwatcher(app: FastifyInstance, { ports }: ApiContext): void {
  const tags = ['birdwatcher']
  const page = (path: string, summary: string, answer: () => Json): void => {
    app.get(`/birdwatcher${path}`, { schema: { summary, tags } }, answer)
  }
  const send = (reply: FastifyReply, routes: Walk): FastifyReply =>
    reply.type('application/json; charset=utf-8').send(Readable.from(body(ports, routes)))
  const ofPeer = (path: string, summary: string, routes: (peer: PeerView) => Walk): void => {
    app.get<{ Params: { name: string } }>(
      `/birdwatcher${path}/:name`,
      { schema: { summary, tags, params: NAME_PARAMS } },
      ({ params }, reply) => send(reply, routes(findPeer(ports, params.name))),
    )
  }
  const protocols = (): Json => ({
    ...envelope(ports),
    protocols: Object.fromEntries(ports.peers().map((peer) => [peer.name, protocol(peer, ports)])),
  })

  page('/status', 'Daemon.', () => ({ ...envelope(ports), status: status(ports) }))
  page('/protocols', 'Sessions.', protocols)
  page('/protocols/bgp', 'Sessions.', protocols)
  page('/protocols/short', 'Sessions in short.', () => ({
    ...envelope(ports),
    protocols: Object.fromEntries(
      ports.peers().map((peer) => {
        const state = peer.state === 'Established' ? 'up' : peer.enabled ? 'start' : 'down'
        const since = shortTime(ports.toEpoch(peer.since))
        return [peer.name, { proto: 'BGP', table: 'master', state, since, info: peer.state }]
      }),
    ),
  }))
  ofPeer('/routes/protocol', 'Accepted routes of a peer.', ({ key }) =>
    eligible(allPages(ports, { view: 'received', peer: key })),
  )
  ofPeer('/routes/filtered', 'Rejected routes of a peer.', ({ key }) =>
    allPages(ports, { view: 'filtered', peer: key }),
  )
  ofPeer('/routes/export', 'Routes sent to a peer.', ({ key }) => allPages(ports, { view: 'exported', peer: key }))
  ofPeer('/routes/noexport', 'Routes not sent to a peer.', (peer) => notExported(ports, peer))
  const ofTable = (path: string, summary: string, routes: (family: FamilyQuery) => Walk): void => {
    app.get<{ Params: { table: string } }>(
      `/birdwatcher/routes/table/:table${path}`,
      { schema: { summary, tags, params: TABLE_PARAMS } },
      ({ params }, reply) => send(reply, routes(familyOf(params.table))),
    )
  }
  ofTable('', 'All paths.', (family) => allPages(ports, { view: 'accepted', ...family }))
  ofTable('/filtered', 'All rejected.', (family) => filteredOfAll(ports, family))
  const query = {
    type: 'object',
    additionalProperties: false,
    required: ['prefix'],
    properties: { prefix: text('The prefix.') },
  } as const
  app.get<{ Querystring: { prefix: string } }>(
    '/birdwatcher/routes/prefix',
    { schema: { summary: 'Paths of one prefix.', tags, querystring: query } },
    (request, reply) => {
      const prefix = parsePrefix(request.query.prefix)
      if (prefix === undefined) throw new ApiError('API_BAD_PREFIX')
      return send(reply, allPages(ports, { view: 'accepted', match: { kind: 'exact', prefix: prefix.text } }))
    },
  )
}
