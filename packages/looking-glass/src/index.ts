/**
 * The door for Node: the page as a function that `startApi({ extend: lookingGlass() })` calls on each listener.
 *
 * Everything is read from dist/web once at start and served from memory, compressed ahead of time. The page is
 * read-only and lives on the API beside it; nothing here asks the daemon anything. Without a built page a plain text
 * says how to build it, because a missing page must never keep a daemon from starting.
 */
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { type Asset, loadAssets } from './assets.js'

export interface LookingGlassOptions {
  /** Folder with the built page; that of this package unless given. */
  readonly folder?: string
}

/**
 * No inline script or style, nothing from elsewhere, no frame around it. Trusted types turn every attempt to make
 * markup out of text into an error, so a peer's words cannot become elements even through a defect of the page.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const MISSING = 'The looking glass is not built. Run: node packages/looking-glass/scripts/build.mjs\n'

export function lookingGlass(options: LookingGlassOptions = {}): (app: FastifyInstance) => Promise<void> {
  const folder = options.folder ?? fileURLToPath(new URL('../dist/web/', import.meta.url))
  return async (app) => {
    const assets = await loadAssets(folder)
    const page = assets.get('index.html')
    // `hide` is a word of @fastify/swagger: the page is no part of the API's description.
    const hidden = { schema: { hide: true } as FastifySchema }
    app.get('/', hidden, (request, reply) =>
      page === undefined
        ? reply.status(503).type('text/plain; charset=utf-8').send(MISSING)
        : send(request, reply, page, 'no-cache'),
    )
    for (const [name, asset] of assets) {
      if (!name.startsWith('assets/')) continue
      // Names carry the content's hash, except the icon.
      const caching = /-[0-9a-f]{12}\./.test(name) ? 'public, max-age=31536000, immutable' : 'public, max-age=86400'
      app.get(`/${name}`, hidden, (request, reply) => send(request, reply, asset, caching))
    }
  }
}

function send(request: FastifyRequest, reply: FastifyReply, asset: Asset, caching: string): FastifyReply {
  reply
    .type(asset.type)
    .header('content-security-policy', PAGE_POLICY)
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .header('cross-origin-resource-policy', 'same-origin')
    .header('cache-control', caching)
    .header('vary', 'accept-encoding')
    .header('etag', asset.etag)
  if (request.headers['if-none-match'] === asset.etag) return reply.status(304).send()
  const accepted = String(request.headers['accept-encoding'] ?? '')
  for (const encoding of ['br', 'gzip'] as const) {
    const body = asset.encoded[encoding]
    if (body !== undefined && new RegExp(`\\b${encoding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?\\b)`).test(accepted)) {
      return reply.header('content-encoding', encoding).send(body)
    }
  }
  return reply.send(asset.body)
}
