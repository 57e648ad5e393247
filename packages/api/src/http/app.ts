/**
 * One fastify application per listener: the same pages, a different right to change things.
 *
 * Bounded everywhere (LIMITS): body, pages, streams, time for a request. Errors leave with a code of the catalogue and
 * nothing of the inside. Answers carry headers that make a browser treat them as data.
 */
import swagger from '@fastify/swagger'
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  fastify,
  LogController,
} from 'fastify'
import { ApiError, ERRORS, type ErrorCode } from '../errors.js'
import { readiness } from '../health/rules.js'
import { present } from '../present.js'
import { escapeText } from '../text.js'
import { registerBirdwatcher } from './birdwatcher.js'
import { type ApiContext, healthInput, isLive, isReady, LIMITS } from './context.js'
import { registerReads } from './read.js'
import { registerRecord } from './record.js'
import { HEALTH_QUERY } from './schemas.js'
import { registerEventStream } from './stream.js'
import { registerWrites, type WriteAccess } from './write.js'

export interface AppOptions {
  readonly access: WriteAccess
  readonly logger?: FastifyBaseLogger
  /** Milliseconds in which a whole request must arrive; LIMITS.request unless given. */
  readonly requestTimeout?: number
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** More pages on the same listener (the looking glass). */
  readonly extend?: (app: FastifyInstance) => Promise<void>
}

const BY_STATUS = new Map<number, ErrorCode>([
  [404, 'API_NOT_FOUND'],
  [405, 'API_METHOD_NOT_ALLOWED'],
  [413, 'API_BODY_TOO_LARGE'],
  [415, 'API_UNSUPPORTED_MEDIA'],
])

/** Framework and handler errors as one of ours. */
function asApiError(error: FastifyError): ApiError {
  if (error instanceof ApiError) return error
  const status = error.statusCode ?? 500
  const code = BY_STATUS.get(status)
  if (code !== undefined) return new ApiError(code)
  return status >= 400 && status < 500
    ? new ApiError('API_BAD_REQUEST', escapeText(error.message, 300))
    : new ApiError('API_INTERNAL')
}

interface SchemaFault {
  readonly keyword: string
  readonly instancePath: string
  readonly message?: string
  readonly params: Record<string, unknown>
}

/** A refused parameter in words: which one, and what it may be. */
function faultText({ keyword, instancePath, message = 'is not valid', params }: SchemaFault): string {
  const where = instancePath.slice(1).replaceAll('/', '.')
  const allowed = params['allowedValues']
  if (keyword === 'enum' && Array.isArray(allowed)) return `${where}: one of ${allowed.join(', ')}`
  if (keyword === 'additionalProperties') return `no parameter is called ${String(params['additionalProperty'])}`
  if (keyword === 'required') return `${String(params['missingProperty'])} is missing`
  return `${where} ${message}`.trim()
}

function refuse(reply: FastifyReply, error: ApiError): FastifyReply {
  // Readers of birdwatcher look for the words where we have an object.
  if (reply.request.url.startsWith('/birdwatcher/')) {
    return reply.status(error.statusCode).send({ error: error.message, code: error.code })
  }
  return reply.status(error.statusCode).send({ error: { code: error.code, message: error.message } })
}

export async function createApp(context: ApiContext, options: AppOptions): Promise<FastifyInstance> {
  const { requestTimeout = LIMITS.request } = options
  // Node looks for overdue requests every 30 s by default: too long for a timeout of 10.
  const server = { connectionsCheckingInterval: requestTimeout / 5 }
  const app: FastifyInstance = fastify({
    bodyLimit: LIMITS.body,
    requestTimeout,
    keepAliveTimeout: 30_000,
    // A base address with a slash at its end is a common slip: //status is /status.
    routerOptions: { maxParamLength: LIMITS.parameter, ignoreDuplicateSlashes: true },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', useDefaults: true } },
    forceCloseConnections: true,
    return503OnClosing: true,
    // What the router itself refuses: it would repeat the path, however long.
    frameworkErrors: (_error: unknown, _request: unknown, reply: FastifyReply) =>
      refuse(reply, new ApiError('API_BAD_REQUEST', 'the path is not well-formed, or a part of it is too long')),
    logController: new LogController({ disableRequestLogging: true }),
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    ...(options.tls === undefined
      ? { http: server }
      : { https: { ...server, cert: options.tls.cert, key: options.tls.key } }),
  } as object)
  app.server.maxConnections = LIMITS.connections
  // Of two timeouts Node takes the longer one for the whole request, whatever their names.
  app.server.headersTimeout = requestTimeout

  app.setSchemaErrorFormatter(
    ([fault]) => new Error(fault === undefined ? 'not valid' : faultText(fault as SchemaFault)),
  )
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const refusal = asApiError(error)
    if (refusal.code === 'API_INTERNAL') request.log.error({ err: error }, 'request failed')
    return refuse(reply, refusal)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    const known = (['GET', 'POST'] as const).some((method) => app.findRoute({ url: path, method }) !== null)
    return refuse(reply, new ApiError(known ? 'API_METHOD_NOT_ALLOWED' : 'API_NOT_FOUND'))
  })
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-content-type-options', 'nosniff')
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    if (!reply.hasHeader('content-security-policy')) {
      reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    }
    return payload
  })

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Starling', version: 'v1', description: 'Read the state of a Starling daemon; change little.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      tags: [
        { name: 'read', description: 'Open to everybody who reaches the listener.' },
        { name: 'write', description: 'Unix socket, or a bearer token.' },
        { name: 'operations', description: 'Health and metrics.' },
        { name: 'birdwatcher', description: 'For Alice-LG and other readers of birdwatcher.' },
      ],
    },
  })
  await app.register(async (pages) => {
    registerReads(pages, context)
    registerEventStream(pages, context)
    registerWrites(pages, context, options.access)
    registerRecord(pages, context, options.access)
    registerBirdwatcher(pages, context)
    registerOperations(pages, context)
    pages.get('/v1/openapi.json', { schema: { hide: true } }, () => app.swagger())
    pages.get('/v1/errors', { schema: { summary: 'The error catalogue.', tags: ['read'] } }, () => ERRORS)
  })
  if (options.extend !== undefined) await options.extend(app)
  await app.ready()
  return app
}

function registerOperations(app: FastifyInstance, context: ApiContext): void {
  app.get('/metrics', { schema: { summary: 'Prometheus metrics.', tags: ['operations'] } }, async (_request, reply) =>
    reply.type(context.metrics.contentType).send(await context.metrics.text()),
  )
  const verdict = (reply: FastifyReply, result: { ok: boolean }) =>
    reply.status(result.ok ? 200 : 503).send(present(result, context.ports))

  app.get('/livez', { schema: { summary: 'Would a restart help?', tags: ['operations'] } }, (_request, reply) =>
    verdict(reply, isLive(context)),
  )
  app.get<{ Querystring: { family?: 'ipv4' | 'ipv6' } }>(
    '/readyz',
    { schema: { summary: 'May traffic come here?', tags: ['operations'], querystring: HEALTH_QUERY } },
    ({ query }, reply) =>
      verdict(
        reply,
        query.family === undefined ? isReady(context) : readiness(healthInput(context), context.policy, query.family),
      ),
  )
  app.get('/healthz', { schema: { summary: 'Both, in one answer.', tags: ['operations'] } }, (_request, reply) => {
    const live = isLive(context)
    const ready = isReady(context)
    return verdict(reply, { ok: live.ok && ready.ok, live, ready } as { ok: boolean })
  })
}
