/**
 * One writer per kernel. Two agents with different wishes for the same tables would undo each other's work for ever, and
 * with protocol 12 on both neither could tell. Who writes holds an abstract Unix socket: its name belongs to the network
 * namespace, as the tables do, and goes with the process, however it ends. Whoever connects learns who holds it.
 *
 * A successor waits a moment, because an upgrade starts it while its predecessor is still ending. Anybody may bind such a
 * name: a holder who is neither root, nor of our own user, nor has NET_ADMIN, is told about and passed over, or any user
 * could keep us out.
 */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { capabilities, peerCredentials } from '@starling/sys'

export const KERNEL_CLAIM = '\0starling/kernel-routes'
const WAIT_MS = 5000
const LOOK_MS = 100
const ANSWER_MS = 1000

export interface KernelClaim {
  release(): Promise<void>
}

export interface ClaimOptions {
  /** Node name of the one who asks. */
  readonly node: string
  readonly name?: string
  /** Milliseconds a predecessor has to end. */
  readonly wait?: number
  warn(text: string): void
  /** May whoever is at the other end of a socket write routes? The kernel says when absent. */
  readonly believed?: (socket: Socket) => boolean
}

interface Holder {
  readonly node: string
  readonly pid: number
  readonly believed: boolean
}

/** Rejects with words when another agent has it and keeps it. */
export async function claimKernel(options: ClaimOptions): Promise<KernelClaim> {
  const { node, name = KERNEL_CLAIM, wait = WAIT_MS, warn } = options
  const end = performance.now() + wait
  for (let told = false; ; told = true) {
    const claim = await bind(name, node)
    if (claim !== undefined) return claim
    const holder = await ask(name, options)
    if (holder === undefined) continue
    const who = nameOf(holder)
    if (!holder.believed) {
      warn(`${who}, or who says so, may not write routes but holds the name of who does; going on without it`)
      return { release: () => Promise.resolve() }
    }
    if (performance.now() > end) {
      throw new Error(
        `${who} writes the kernel routes here already, two would undo each other's work: stop it first, or run this one with --fib memory or in a network namespace of its own`,
      )
    }
    if (!told) warn(`${who} still writes kernel routes; waiting for its end`)
    await delay(LOOK_MS)
  }
}

/** Who writes the kernel routes here now, for people; undefined when nobody does who may. */
export async function kernelWriter(name = KERNEL_CLAIM): Promise<string | undefined> {
  const holder = await ask(name, {})
  return holder?.believed === true ? nameOf(holder) : undefined
}

const nameOf = ({ node, pid }: Holder): string => `starling node ${node} (pid ${pid})`

function bind(name: string, node: string): Promise<KernelClaim | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(JSON.stringify({ node, pid: process.pid }))
  })
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(name, () => resolve({ release: () => new Promise((done) => server.close(() => done())) }))
  })
}

/** Undefined when it has just gone. One that does not answer is still somebody. */
function ask(name: string, { believed = mayWrite }: Pick<ClaimOptions, 'believed'>): Promise<Holder | undefined> {
  const socket = connect(name)
  let text = ''
  let credible = true
  socket.setTimeout(ANSWER_MS, () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1', 0, ANSWER_MS)
  })
  return new Promise((resolve) => {
    socket.once('connect', () => {
      credible = believed(socket)
    })
    socket.once('error', () => resolve(undefined))
    socket.once('close', () => resolve({ ...whoIs(text), believed: credible }))
  })
}

function whoIs(text: string): Omit<Holder, 'believed'> {
  try {
    const { node, pid } = JSON.parse(text) as { node?: unknown; pid?: unknown }
    return { node: String(node), pid: Number(pid) }
  } catch {
    return { node: 'that does not answer', pid: 0 }
  }
}

function mayWrite(socket: Socket): boolean {
  const { uid, pid } = peerCredentials((socket as unknown as { _handle: { fd: number } })._handle.fd)
  return uid === 0 || uid === process.getuid?.() || capabilities(`/proc/${pid}/status`).netAdmin
}
