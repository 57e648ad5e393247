/**
 * The words between an embedded server and its clients: one JSON object per line, in both directions.
 *
 * The server speaks first: `hello` names the store. A request carries an `id` of the client's choice and is answered by
 * one `reply` with the same id, in any order. A watch is a request whose id stays in use: `events` until one `end`.
 * A store's name changes when its process starts anew, because the history then begins anew as well.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Entry, Listing, Revision, WatchEnd, WatchEvent, WriteResult } from '../datastore.js'

export type Request =
  | { readonly id: number; readonly op: 'get'; readonly key: string }
  | { readonly id: number; readonly op: 'list'; readonly prefix: string }
  | { readonly id: number; readonly op: 'create'; readonly key: string; readonly value: string }
  | {
      readonly id: number
      readonly op: 'update'
      readonly key: string
      readonly value: string
      readonly revision: Revision
    }
  | { readonly id: number; readonly op: 'delete'; readonly key: string; readonly revision?: Revision }
  | { readonly id: number; readonly op: 'watch'; readonly prefix: string; readonly from: Revision }
  | { readonly id: number; readonly op: 'unwatch'; readonly watch: number }

const FIELDS: Readonly<Record<Request['op'], Readonly<Record<string, 'string' | 'number'>>>> = {
  get: { key: 'string' },
  list: { prefix: 'string' },
  create: { key: 'string', value: 'string' },
  update: { key: 'string', value: 'string', revision: 'number' },
  delete: { key: 'string' },
  watch: { prefix: 'string', from: 'number' },
  unwatch: { watch: 'number' },
}

/** Strangers may connect; what they send is judged before it is believed. */
export function isRequest(message: unknown): message is Request {
  if (typeof message !== 'object' || message === null) return false
  const { op, id, revision = 0, ...rest } = message as Readonly<Record<string, unknown>>
  if (typeof id !== 'number' || typeof revision !== 'number' || typeof op !== 'string' || !Object.hasOwn(FIELDS, op)) {
    return false
  }
  const all: Readonly<Record<string, unknown>> = { ...rest, revision }
  return Object.entries(FIELDS[op as Request['op']]).every(([field, type]) => typeof all[field] === type)
}

export type Answer = Entry | Listing | WriteResult | null

export type Reply =
  | { readonly hello: string }
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: string; readonly retriable: boolean }
  | { readonly id: number; readonly events: readonly WatchEvent[]; readonly revision: Revision }
  | { readonly id: number; readonly end: WatchEnd }

/** Where a server listens: a Unix socket, or a port on a loopback address. */
export type EmbeddedAddress =
  | { readonly path: string }
  | { readonly host?: '127.0.0.1' | '::1' | 'localhost'; readonly port: number }

export function describeAddress(address: EmbeddedAddress): string {
  return 'path' in address ? address.path : `${address.host ?? '127.0.0.1'}:${address.port}`
}

const NEWLINE = 0x0a

/**
 * Cuts a socket's bytes into lines and hands over the parsed objects. A line that is too long or not JSON destroys the
 * socket: the other side is not one of us.
 */
export function readLines(socket: Socket, limit: number, line: (message: unknown) => void): void {
  let parts: Buffer[] = []
  let held = 0
  socket.on('data', (chunk: Buffer) => {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end))
      const text = Buffer.concat(parts).toString()
      parts = []
      held = 0
      start = end + 1
      let message: unknown
      try {
        message = JSON.parse(text)
      } catch (error) {
        socket.destroy(error as Error)
        return
      }
      line(message)
      if (socket.destroyed) return
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
    held += chunk.length - start
    if (held > limit) socket.destroy(new Error(`a line of more than ${limit} bytes`))
  })
}

export function writeLine(socket: Socket, message: Request | Reply): void {
  socket.write(`${JSON.stringify(message)}\n`)
}
