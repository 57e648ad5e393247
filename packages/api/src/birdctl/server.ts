/**
 * The BIRD control sockets: `bird.ctl` and `bird6.ctl`, so that calicoctl, health checks, the status reporter, birdc and
 * bird_exporter go on working.
 *
 * One command at a time per client, answers written under back-pressure, lines and clients bounded. A client that sends
 * faster than it reads waits; nothing is queued beyond one line. One client too many costs the one its place that has been
 * silent for longest.
 */
import { chmod } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { FamilyName } from '@starling/engine'
import type { DaemonPorts } from '../ports.js'
import { freeSocket } from '../socket-file.js'
import { execute } from './commands.js'
import { BIRD_VERSION, CODE, end, ReplyWriter, type Session } from './reply.js'

const SOCKETS: readonly (readonly [file: string, family: FamilyName])[] = [
  ['bird.ctl', 'ipv4'],
  ['bird6.ctl', 'ipv6'],
]
/** BIRD's own line buffer is 4096. */
const LONGEST_LINE = 4096
const CLIENTS = 64
const CHUNK = 16 * 1024

export interface BirdControl {
  close(): Promise<void>
}

export async function startBirdControl(ports: DaemonPorts, folder: string): Promise<BirdControl> {
  const servers: { server: Server; clients: Set<Socket> }[] = []
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map(({ server, clients }) => {
        for (const client of clients) client.destroy()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      }),
    )
  }
  try {
    for (const [file, family] of SOCKETS) {
      const clients = new Set<Socket>()
      const server = createServer((socket) => {
        // A program that leaks connections must not keep health checks out.
        const [quietest] = clients
        if (quietest !== undefined && clients.size >= CLIENTS) {
          clients.delete(quietest)
          quietest.destroy()
        }
        clients.add(socket)
        socket.on('close', () => clients.delete(socket))
        // A client may leave at any moment; its error is not ours.
        socket.on('error', () => socket.destroy())
        void serve(socket, { ports, family, restricted: false }, () => {
          // To the end of the set: it has just said something.
          if (clients.delete(socket)) clients.add(socket)
        })
      })
      const path = join(folder, file)
      await freeSocket(path)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, resolve)
      })
      servers.push({ server, clients })
      await chmod(path, 0o660)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { close }
}

async function serve(socket: Socket, session: Session, spoke: () => void): Promise<void> {
  socket.write(`${CODE.welcome} BIRD ${BIRD_VERSION} ready.\n`)
  try {
    for await (const line of lines(socket)) {
      spoke()
      await answer(socket, line, session)
    }
  } catch {
    // The socket broke in the middle of a reply: there is nobody left to tell.
  }
  socket.destroy()
}

async function* lines(socket: Socket): AsyncGenerator<string> {
  let pending = ''
  for await (const chunk of socket) {
    pending += (chunk as Buffer).toString('latin1')
    for (;;) {
      const newline = pending.indexOf('\n')
      if (newline < 0) break
      yield pending.slice(0, newline).trim()
      pending = pending.slice(newline + 1)
    }
    if (pending.length > LONGEST_LINE) {
      socket.write(new ReplyWriter().line(end(CODE.error, 'Command too long')))
      return
    }
  }
}

async function answer(socket: Socket, line: string, session: Session): Promise<void> {
  const writer = new ReplyWriter()
  let text = ''
  try {
    for await (const row of execute(line, session)) {
      text += writer.line(row)
      if (text.length >= CHUNK) {
        await write(socket, text)
        text = ''
      }
    }
  } catch {
    // A defect of ours must not leave the client waiting for the end of a reply.
    text += new ReplyWriter().line(end(CODE.error, 'Internal error'))
  }
  await write(socket, text)
}

function write(socket: Socket, text: string): Promise<void> {
  if (socket.destroyed) return Promise.reject(new Error('client left'))
  if (socket.write(text)) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      if (socket.destroyed) reject(new Error('client left'))
      else resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
