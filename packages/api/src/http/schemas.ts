/**
 * JSON Schema of every parameter: validated by fastify before a handler runs, published in /v1/openapi.json.
 */
import { LIMITS } from './context.js'
import { type Shape, sortNames } from './search.js'
import { blockShape, kernelShape, nodeShape, peerShape, routeShape } from './shapes.js'

export const text = (description: string, maxLength: number = LIMITS.parameter) =>
  ({ type: 'string', minLength: 1, maxLength, description }) as const

export const FAMILY = { type: 'string', enum: ['ipv4', 'ipv6'], description: 'Address family.' } as const

export const LIMIT = {
  type: 'integer',
  minimum: 1,
  maximum: LIMITS.page,
  default: LIMITS.defaultPage,
  description: 'Entries on one page.',
} as const

export const CURSOR = text('The `next` of the page before.', 512)

export const ROUTE_VIEWS = ['best', 'all', 'accepted', 'received', 'filtered', 'exported'] as const
export const KERNEL_STATES = [
  'installed',
  'pending',
  'removing',
  'waiting',
  'failed',
  'drifted',
  'foreign',
  'adopted',
  'drift',
] as const

const MATCH = {
  prefix: text('Exactly this prefix.'),
  in: text('Prefixes inside this one.'),
  for: text('The longest match for this address.'),
} as const

function query<const P extends Record<string, object>>(properties: P) {
  return { type: 'object', additionalProperties: false, properties } as const
}

const searched = (shape: Pick<Shape<never>, 'fields'>) => ({
  match: text('Words that all must occur in a row, in any case.'),
  sort: { type: 'string', enum: sortNames(shape), description: 'Order by this; with `-` backwards.' },
})

export const PEERS_QUERY = query({
  ...searched(peerShape),
  of: text('Only what this can mean: a name, an address, a node, an interface, a resource.'),
  state: {
    type: 'string',
    enum: ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'down'],
    description: 'Only peers in this state; `down` means not Established.',
  },
  kind: {
    type: 'string',
    enum: ['mesh', 'global', 'node', 'local-workload', 'dynamic', 'static'],
    description: 'Only peers of this kind.',
  },
  limit: { ...LIMIT, default: LIMITS.page },
  cursor: CURSOR,
})

export const ROUTES_QUERY = query({
  ...searched(routeShape),
  ...MATCH,
  family: FAMILY,
  peer: text('Name or address of a peer.'),
  view: { type: 'string', enum: ROUTE_VIEWS, default: 'best', description: 'Which routes.' },
  limit: LIMIT,
  cursor: CURSOR,
})

export const EXPLAIN_QUERY = {
  ...query({ prefix: text('The prefix.'), to: text('Only this peer among the exports.') }),
  required: ['prefix'],
} as const

export const KERNEL_QUERY = query({
  ...searched(kernelShape),
  ...MATCH,
  family: FAMILY,
  state: { type: 'string', enum: KERNEL_STATES, description: '`drift`: everything but installed.' },
  limit: LIMIT,
  cursor: CURSOR,
})

export const BLOCKS_QUERY = query({
  ...searched(blockShape),
  node: text('Only blocks of this node.'),
  family: FAMILY,
  limit: { ...LIMIT, default: LIMITS.page },
  cursor: CURSOR,
})

export const NODES_QUERY = query({
  ...searched(nodeShape),
  node: text('Only this node.'),
  rack: text('Only nodes of this rack, by their label.'),
  limit: { ...LIMIT, default: LIMITS.page },
  cursor: CURSOR,
})

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export const EVENTS_QUERY = query({
  after: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'Ids above this.' },
  peer: text('Only events of this peer (name or address).'),
  type: text('Only these event types, comma separated.', 512),
  level: { type: 'string', enum: LEVELS, description: 'Only events at least this loud.' },
  match: text('Words that all must occur in the code or the message, in any case.'),
  order: { type: 'string', enum: ['oldest', 'newest'], default: 'oldest', description: 'Which come first.' },
  limit: LIMIT,
})

export const BAD_UPDATES_QUERY = query({ peer: text('Only this peer.') })

export const RECORD_QUERY = query({
  from: {
    type: 'string',
    enum: ['now', 'next'],
    default: 'now',
    description: '`now`: the present session, with what made it; `next`: the one that begins after this.',
  },
})

export const HEALTH_QUERY = query({ family: FAMILY })

export const NAME_PARAMS = {
  type: 'object',
  required: ['name'],
  properties: { name: text('Name or address of a peer.') },
} as const

const REASON = text('Said to the peer (RFC 9003), kept in the log.', 128)

export const PEER_ACTION_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['operation'],
  properties: {
    operation: {
      type: 'string',
      enum: ['enable', 'disable', 'restart', 'refresh-in', 'refresh-out'],
      description: 'What to do with the session.',
    },
    reason: REASON,
  },
} as const

export const DRAIN_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['enabled'],
  properties: {
    enabled: { type: 'boolean' },
    reason: REASON,
    timeout: {
      type: 'number',
      minimum: 0,
      maximum: 3600,
      description: 'Seconds between marking the routes (GRACEFUL_SHUTDOWN) and withdrawing them.',
    },
  },
} as const

export const LOG_LEVEL_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['level'],
  properties: { level: { type: 'string', enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] } },
} as const
