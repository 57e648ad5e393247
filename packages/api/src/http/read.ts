/**
 * The reads of /v1: views presented as JSON, page by page. Nothing here changes anything or counts anything.
 */
import type { FamilyName, PeerKey, RouteQuery, RouteView } from '@starling/engine'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError } from '../errors.js'
import { describeEvent } from '../events/catalogue.js'
import { parsePrefix } from '../input.js'
import type { DaemonPorts, KernelQuery, KernelRouteView } from '../ports.js'
import { type Json, present, presentEvent } from '../present.js'
import { type ApiContext, isLive, isReady } from './context.js'
import { findPeer, findPeers } from './find-peer.js'
import * as schema from './schemas.js'
import { breath, type Found, type Pages, type Search, type Shape, searchList, searchTable } from './search.js'
import { blockShape, kernelShape, listedPeer, nodeShape, peerShape, rackLabel, routeShape } from './shapes.js'

interface MatchInput {
  readonly prefix?: string
  readonly in?: string
  readonly for?: string
}

function canonical(text: string): string {
  const parsed = parsePrefix(text)
  if (parsed === undefined) throw new ApiError('API_BAD_PREFIX')
  return parsed.text
}

function matchOf(input: MatchInput): RouteQuery['match'] {
  const given = [input.prefix, input.in, input.for].filter((value) => value !== undefined)
  if (given.length > 1) throw new ApiError('API_BAD_REQUEST', 'only one of prefix, in and for can be given')
  if (input.prefix !== undefined) return { kind: 'exact', prefix: canonical(input.prefix) }
  if (input.in !== undefined) return { kind: 'in', prefix: canonical(input.in) }
  if (input.for !== undefined) return { kind: 'for', prefix: canonical(input.for) }
  return undefined
}

/** Keeps optional members absent instead of undefined. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T
}

export function summary(context: ApiContext): Json {
  const { ports } = context
  const sessions: Record<string, Record<string, number>> = {}
  for (const peer of ports.peers()) {
    const states = sessions[peer.kind] ?? {}
    states[peer.state] = (states[peer.state] ?? 0) + 1
    sessions[peer.kind] = states
  }
  return present(
    {
      identity: ports.identity(),
      ready: isReady(context),
      live: isLive(context),
      gracefulRestart: ports.health().graceful,
      sessions,
      tables: ports.tables(),
      kernel: ports.kernel() ?? null,
      datastore: ports.datastoreStatus(),
      memory: { ...ports.memory(), process: process.memoryUsage() },
      loopDelay: ports.loopDelay(),
      lastEvent: ports.events.last,
    },
    ports,
  )
}

export function registerReads(app: FastifyInstance, context: ApiContext): void {
  const { ports } = context
  app.get('/v1/summary', { schema: { summary: 'Identity, health and totals.', tags: ['read'] } }, () =>
    summary(context),
  )

  app.get<{ Querystring: Search & { of?: string; state?: string; kind?: string } }>(
    '/v1/peers',
    { schema: { summary: 'Peers and their sessions.', tags: ['read'], querystring: schema.PEERS_QUERY } },
    ({ query }) => {
      const all = query.of === undefined ? ports.peers() : findPeers(ports, query.of)
      const wanted = all.filter(
        (peer) =>
          (query.kind === undefined || peer.kind === query.kind) &&
          (query.state === undefined ||
            (query.state === 'down' ? peer.state !== 'Established' : peer.state === query.state)),
      )
      const listed = wanted.map((peer) => listedPeer(peer, ports))
      const { items, next, total } = searchList(listed, peerShape, query)
      return present({ peers: items, next, total }, ports)
    },
  )

  app.get<{ Params: { name: string } }>(
    '/v1/peers/:name',
    { schema: { summary: 'One peer by name or address.', tags: ['read'], params: schema.NAME_PARAMS } },
    ({ params }) => present(listedPeer(findPeer(ports, params.name), ports), ports),
  )

  app.get<{
    Querystring: MatchInput & Search & { family?: FamilyName; peer?: string; view: RouteQuery['view'] }
  }>(
    '/v1/routes',
    { schema: { summary: 'Routes by prefix, peer and view.', tags: ['read'], querystring: schema.ROUTES_QUERY } },
    async (request) => {
      const { query } = request
      const asked: RouteQuery = defined({
        family: query.family,
        match: matchOf(query),
        peer: query.peer === undefined ? undefined : findPeer(ports, query.peer).key,
        view: query.view,
        limit: query.limit,
      } as RouteQuery)
      if (asked.peer === undefined && ['received', 'filtered', 'exported'].includes(asked.view)) {
        throw new ApiError('API_BAD_REQUEST', `view ${asked.view} needs a peer`)
      }
      const pages: Pages<RouteView> = (limit, cursor) => {
        const { routes, next } = ports.routes(defined({ ...asked, limit, cursor } as RouteQuery))
        return { rows: routes, next }
      }
      const { items, ...rest } = await tablePage(context, request, pages, routeShape)
      return present({ routes: items, ...rest }, ports)
    },
  )

  app.get<{ Querystring: { prefix: string; to?: string } }>(
    '/v1/explain',
    { schema: { summary: 'The road of one prefix.', tags: ['read'], querystring: schema.EXPLAIN_QUERY } },
    ({ query }) => explain(ports, query.prefix, query.to),
  )

  app.get<{
    Querystring: MatchInput & Search & { family?: FamilyName; state?: KernelQuery['state'] }
  }>(
    '/v1/kernel',
    { schema: { summary: 'Kernel routes: desired, actual, drift.', tags: ['read'], querystring: schema.KERNEL_QUERY } },
    async (request) => {
      const kernel = ports.kernel()
      if (kernel === undefined) throw new ApiError('API_NO_KERNEL')
      const { family, state } = request.query
      const match = matchOf(request.query)
      const pages: Pages<KernelRouteView> = (limit, cursor) => {
        const { routes, next } = ports.kernelRoutes(defined({ family, match, state, limit, cursor } as KernelQuery))
        return { rows: routes, next }
      }
      const { items, ...rest } = await tablePage(context, request, pages, kernelShape)
      return present({ kernel, routes: items, ...rest }, ports)
    },
  )

  app.get('/v1/groups', { schema: { summary: 'Update groups.', tags: ['read'] } }, () =>
    present({ groups: ports.groups() }, ports),
  )
  registerLists(app, context)
  registerCluster(app, context)
  registerEvents(app, context)
}

/** The table's own page when nothing is searched or ordered; a walk otherwise. */
async function tablePage<T>(
  { walks }: ApiContext,
  { query, raw }: Pick<FastifyRequest<{ Querystring: Search }>, 'query' | 'raw'>,
  pages: Pages<T>,
  shape: Shape<T>,
): Promise<Found<T>> {
  if (query.match === undefined && query.sort === undefined) {
    // Left unsaid, a table would begin again, and a reader that follows `next` would never end.
    if (query.cursor !== undefined && !/^[0-9:]{1,40}$/.test(query.cursor)) throw new ApiError('API_BAD_CURSOR')
    const items: T[] = []
    let next = query.cursor
    do {
      // A page may be short although there is more: the table looks at so much and no more at one time.
      if (items.length > 0 || next !== query.cursor) await breath()
      const page = pages(query.limit - items.length, next)
      for (const row of page.rows) items.push(row)
      next = page.next
    } while (next !== undefined && items.length < query.limit && !raw.socket.destroyed)
    return { items, ...(next === undefined ? {} : { next }) }
  }
  return searchTable(pages, shape, query, { walks, gone: () => raw.socket.destroyed })
}

export function explain(ports: DaemonPorts, prefixText: string, to?: string): Json {
  const prefix = canonical(prefixText)
  const peer = to === undefined ? undefined : findPeer(ports, to).key
  const own = ports.explain(prefix, peer)
  const explanation = own ?? (prefixText.includes('/') ? undefined : explainAround(ports, prefix, peer))
  if (explanation === undefined) throw notFound(ports, prefix)
  if (ports.kernel() === undefined) return present(explanation, ports)
  const { routes } = ports.kernelRoutes({ match: { kind: 'exact', prefix: explanation.prefix }, limit: 1 })
  return present({ ...explanation, kernel: routes[0] ?? null }, ports)
}

const longestMatch = (ports: DaemonPorts, prefix: string): string | undefined =>
  ports.routes({ match: { kind: 'for', prefix }, view: 'best', limit: 1 }).routes[0]?.prefix

/** An address is rarely announced by itself: the prefix that its packets follow is. */
function explainAround(ports: DaemonPorts, host: string, to: PeerKey | undefined) {
  const around = longestMatch(ports, host)
  const explanation = around === undefined ? undefined : ports.explain(around, to)
  return explanation === undefined ? undefined : { ...explanation, asked: host }
}

function notFound(ports: DaemonPorts, prefix: string): ApiError {
  const around = longestMatch(ports, prefix)
  const packets = around === undefined ? 'no route covers it' : `packets there follow ${around}`
  return new ApiError('API_PREFIX_NOT_FOUND', `Nobody announced ${prefix} and nothing originates it; ${packets}.`)
}

function registerLists(app: FastifyInstance, { ports }: ApiContext): void {
  app.get<{ Querystring: Search & { node?: string; family?: FamilyName } }>(
    '/v1/blocks',
    { schema: { summary: 'IPAM blocks in the snapshot.', tags: ['read'], querystring: schema.BLOCKS_QUERY } },
    ({ query }) => {
      const { node, family } = query
      const wanted = ports
        .blocks()
        .filter(
          (block) => (node === undefined || block.node === node) && (family === undefined || block.family === family),
        )
      const { items, next, total } = searchList(wanted, blockShape, query)
      return present({ blocks: items, next, total }, ports)
    },
  )
  app.get<{ Querystring: Search & { node?: string; rack?: string } }>(
    '/v1/nodes',
    { schema: { summary: 'Nodes in the snapshot.', tags: ['read'], querystring: schema.NODES_QUERY } },
    ({ query: { node, rack, ...query } }) => {
      const wanted = ports
        .nodes()
        .filter(
          (each) => (node === undefined || each.name === node) && (rack === undefined || rackLabel(each) === rack),
        )
      const { items, next, total } = searchList(wanted, nodeShape, query)
      return present({ nodes: items, next, total }, ports)
    },
  )
}

function registerCluster(app: FastifyInstance, { ports }: ApiContext): void {
  app.get(
    '/v1/cluster',
    {
      schema: {
        summary: 'What every node says of its sessions: asked of its API where it answers, else its CalicoNodeStatus.',
        tags: ['read'],
      },
    },
    async () => {
      const survey = (await ports.survey?.()) ?? { asks: false, speakers: [], complete: true }
      return present(survey, ports)
    },
  )
}

function registerEvents(app: FastifyInstance, { ports }: ApiContext): void {
  app.get<{ Querystring: { peer?: string } }>(
    '/v1/bad-updates',
    {
      schema: {
        summary: 'The newest malformed UPDATEs, with their bytes.',
        tags: ['read'],
        querystring: schema.BAD_UPDATES_QUERY,
      },
    },
    ({ query }) => {
      const records = ports.events.badUpdates(query.peer === undefined ? undefined : findPeer(ports, query.peer).key)
      return { events: records.map((record) => presentEvent(record, describeEvent(record.event), ports)) }
    },
  )
}
