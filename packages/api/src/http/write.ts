/**
 * The changes: few, typed, and only for those who may.
 *
 * Whoever can open the Unix socket (mode 0660) is the operator. Over TCP a change needs the bearer token, compared in
 * constant time; a listener without a token takes none at all.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, type ErrorCode } from '../errors.js'
import type { AdminAction, AdminResult, PeerOperation } from '../ports.js'
import type { ApiContext } from './context.js'
import { findPeer } from './find-peer.js'
import * as schema from './schemas.js'

/** `operator`: everybody who reaches the listener may change things. */
export type WriteAccess = { readonly kind: 'operator' } | { readonly kind: 'token'; readonly token?: string }

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export function authorize(request: FastifyRequest, access: WriteAccess): void {
  if (access.kind === 'operator') return
  if (access.token === undefined || access.token === '') throw new ApiError('API_FORBIDDEN')
  const [scheme, given = ''] = (request.headers.authorization ?? '').split(' ')
  const right = scheme?.toLowerCase() === 'bearer' && timingSafeEqual(digest(given), digest(access.token))
  if (!right) throw new ApiError('API_UNAUTHORIZED')
}

const FAILURES: Readonly<Record<'not-found' | 'refused' | 'unsupported', ErrorCode>> = {
  'not-found': 'API_PEER_NOT_FOUND',
  refused: 'API_REFUSED',
  unsupported: 'API_UNSUPPORTED',
}

function answer(result: AdminResult) {
  if (!result.ok) throw new ApiError(FAILURES[result.code], result.detail)
  return { changed: result.changed, detail: result.detail }
}

export function registerWrites(app: FastifyInstance, { ports }: ApiContext, access: WriteAccess): void {
  const onRequest = async (request: FastifyRequest): Promise<void> => authorize(request, access)
  const run = async (action: AdminAction) => answer(await ports.admin(action))
  const options = { onRequest }

  app.post<{ Params: { name: string }; Body: { operation: PeerOperation; reason?: string } }>(
    '/v1/peers/:name/actions',
    {
      ...options,
      schema: {
        summary: 'Enable, disable, restart or refresh one session.',
        tags: ['write'],
        params: schema.NAME_PARAMS,
        body: schema.PEER_ACTION_BODY,
      },
    },
    ({ params, body }) => run({ action: 'peer', peer: findPeer(ports, params.name).key, ...body }),
  )
  app.post<{ Body: { enabled: boolean; reason?: string; timeout?: number } }>(
    '/v1/drain',
    { ...options, schema: { summary: 'Drain this speaker, or end it.', tags: ['write'], body: schema.DRAIN_BODY } },
    ({ body }) => run({ action: 'drain', ...body }),
  )
  app.post<{ Body: { level: string } }>(
    '/v1/log-level',
    { ...options, schema: { summary: 'Change the log level.', tags: ['write'], body: schema.LOG_LEVEL_BODY } },
    ({ body }) => run({ action: 'log-level', level: body.level }),
  )
  app.post('/v1/reload', { ...options, schema: { summary: 'Read the datastore again.', tags: ['write'] } }, () =>
    run({ action: 'reload' }),
  )
}
