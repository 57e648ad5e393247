/**
 * A session's inputs as a stream (text/event-stream), for `starling record`. Only for those who may change things: it
 * costs the daemon more than a page, and it carries everything the peer says.
 *
 * Bounded: few at a time, and a reader that does not keep up is cut off rather than queued for.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { ApiError } from '../errors.js'
import type { RecordFrom, RecordListener } from '../ports.js'
import { type ApiContext, LIMITS } from './context.js'
import { findPeer } from './find-peer.js'
import { NAME_PARAMS, RECORD_QUERY } from './schemas.js'
import { authorize, type WriteAccess } from './write.js'

export function registerRecord(app: FastifyInstance, context: ApiContext, access: WriteAccess): void {
  app.get<{ Params: { name: string }; Querystring: { from: RecordFrom } }>(
    '/v1/peers/:name/record',
    {
      // There is no head of a recording that could be told without beginning one.
      exposeHeadRoute: false,
      onRequest: async (request) => authorize(request, access),
      schema: {
        summary: "A session's inputs as they come, one JSON line per event, until the session ends.",
        tags: ['write'],
        params: NAME_PARAMS,
        querystring: RECORD_QUERY,
      },
    },
    async ({ params, query }, reply) => stream(reply, findPeer(context.ports, params.name).key, query.from, context),
  )
}

function stream(
  reply: FastifyReply,
  peer: string,
  from: RecordFrom,
  { ports, streams, recordings }: ApiContext,
): FastifyReply {
  if (recordings.size >= LIMITS.recordings) throw new ApiError('API_TOO_MANY_STREAMS')
  if (ports.record === undefined) throw new ApiError('API_UNSUPPORTED', 'this daemon cannot record')
  const socket = reply.raw
  let stop: (() => void) | undefined
  const close = (): void => {
    stop?.()
    streams.delete(close)
    recordings.delete(close)
    socket.end()
  }
  let begun = false
  const begin = (): void => {
    if (begun) return
    begun = true
    reply.hijack()
    socket.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
  }
  const listener: RecordListener = {
    line: (text) => {
      begin()
      socket.write(`data: ${text}\n\n`)
      if (socket.writableLength <= LIMITS.recordBacklog) return
      socket.write(`data: {"output":"end","at":${ports.now()},"reason":"the reader is too slow"}\n\n`)
      close()
    },
    ended: close,
  }
  stop = ports.record(peer, listener, from)
  if (stop === undefined) throw new ApiError('API_PEER_NOT_FOUND')
  begin()
  streams.add(close)
  recordings.add(close)
  socket.on('close', close)
  socket.on('error', close)
  return reply
}
