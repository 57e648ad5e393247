/**
 * The netlink socket: requests in batches, dumps, notifications. rtnetlink is synchronous: when `send` returns, the
 * answers already wait in the receive queue, so requests need no poll (measured, the platform study 1.3). Only the last
 * message of a batch asks for an acknowledgement; errors are always reported, with the sequence number, and messages
 * behind a failing one still run. This file never retries and holds no policy: a lost answer or notification is said so.
 */

import {
  AF,
  attachFilter,
  bind,
  close,
  ERRNO,
  type FilterStep,
  getsockname,
  NETLINK,
  type Poll,
  poll,
  recv,
  SO,
  SOCK,
  SOL,
  SysError,
  send,
  setsockopt,
  sockaddrNetlink,
  socket,
} from '@starling/sys'
import { MessageWriter, readU32 } from './bytes.js'
import { NLM_F, NLMSG } from './constants.js'
import { decodeAcknowledgement, walkMessages } from './message.js'

/** Messages per send: beyond this the gain is gone and the loop is blocked for longer (3 ms at 512). */
export const BATCH_LIMIT = 512
const RECEIVE_BYTES = 256 * 1024
const SOCKET_BUFFER = 8 << 20
/** Event loop budget of a dump or a burst of notifications before it yields. */
const SLICE_MS = 5

function openSocket(receiveBuffer: number): number {
  const fd = socket(AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  try {
    setBuffer(fd, SO.RCVBUFFORCE, SO.RCVBUF, receiveBuffer)
    setBuffer(fd, SO.SNDBUFFORCE, SO.SNDBUF, SOCKET_BUFFER)
    for (const option of [NETLINK.CAP_ACK, NETLINK.EXT_ACK, NETLINK.GET_STRICT_CHK])
      setsockopt(fd, SOL.NETLINK, option, 1)
    bind(fd, sockaddrNetlink())
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

/** The FORCE variants need NET_ADMIN; without it the system's limit applies. */
function setBuffer(fd: number, forced: number, plain: number, bytes: number): void {
  try {
    setsockopt(fd, SOL.SOCKET, forced, bytes)
  } catch {
    setsockopt(fd, SOL.SOCKET, plain, bytes)
  }
}

/** One failed message of a batch. */
export interface ItemError {
  index: number
  errno: number
  text: string
}

/** Requests with acknowledgement. All calls are synchronous and short. */
export interface RequestSocket {
  /** The port number the kernel stamps on notifications our requests cause. */
  readonly port: number
  /**
   * Sends up to BATCH_LIMIT messages; `encode` begins message `index` with the given flags' base and sequence and fills
   * it (without `end`). Returns the failures only.
   */
  submit(count: number, encode: (writer: MessageWriter, index: number, sequence: number) => void): ItemError[]
  /** The same for `count` messages already encoded, with sequences from `first` on and ACK asked for on the last. */
  exchange(bytes: Uint8Array, length: number, first: number, count: number): ItemError[]
  close(): void
}

export function openRequestSocket(): RequestSocket {
  const fd = openSocket(SOCKET_BUFFER)
  const port = readU32(getsockname(fd), 4)
  const writer = new MessageWriter()
  const answers = new Uint8Array(RECEIVE_BYTES)
  let sequence = 1
  const exchange = (bytes: Uint8Array, length: number, first: number, count: number): ItemError[] => {
    const sent = send(fd, bytes, length)
    if (sent < 0) throw new SysError('send (netlink)', -sent)
    return collect(fd, answers, first, count)
  }
  return {
    port,
    submit: (count, encode) => {
      if (count === 0) return []
      if (count > BATCH_LIMIT) throw new RangeError(`a batch holds ${BATCH_LIMIT} messages, not ${count}`)
      const first = sequence
      sequence = (sequence + count) & 0x7fffffff
      if (sequence === 0) sequence = 1
      writer.reset()
      for (let i = 0; i < count; i++) {
        encode(writer, i, first + i)
        if (i === count - 1) writer.addFlags(NLM_F.ACK)
        writer.end()
      }
      return exchange(writer.bytes, writer.length, first, count)
    },
    exchange,
    close: () => close(fd),
  }
}

function collect(fd: number, answers: Uint8Array, first: number, count: number): ItemError[] {
  const errors: ItemError[] = []
  let complete = false
  for (;;) {
    const received = recv(fd, answers)
    if (received === -ERRNO.EAGAIN) break
    if (received < 0) throw new SysError('recv (netlink)', -received)
    walkMessages(answers, received, (type, flags, sequence, _port, from, to) => {
      const index = sequence - first
      if (type !== NLMSG.ERROR || index < 0 || index >= count) return
      const { errno, text } = decodeAcknowledgement(answers, type, flags, from, to)
      if (index === count - 1) complete = true
      if (errno !== 0) errors.push({ index, errno, text })
    })
  }
  if (!complete) throw new SysError('recv (netlink)', ERRNO.ENOBUFS, 'the acknowledgement of a batch is missing')
  return errors
}

/** `interrupted`: the tables changed under the dump (NLM_F_DUMP_INTR); what was read may be inconsistent. */
export interface DumpResult {
  interrupted: boolean
}

export type DumpVisitor = (type: number, bytes: Uint8Array, from: number, to: number) => void

/**
 * One dump over its own socket, yielding to the event loop between slices. `encode` writes the request's fixed header
 * into a message begun with the right flags. Throws SysError where the kernel refuses the request.
 */
export async function dump(
  type: number,
  encode: (writer: MessageWriter) => void,
  visit: DumpVisitor,
): Promise<DumpResult> {
  const fd = openSocket(SOCKET_BUFFER)
  try {
    const writer = new MessageWriter(512)
    writer.begin(type, NLM_F.REQUEST | NLM_F.DUMP, 1)
    encode(writer)
    writer.end()
    const sent = send(fd, writer.bytes, writer.length)
    if (sent < 0) throw new SysError('send (netlink)', -sent)
    return await drain(fd, visit)
  } finally {
    close(fd)
  }
}

async function drain(fd: number, visit: DumpVisitor): Promise<DumpResult> {
  const buffer = new Uint8Array(RECEIVE_BYTES)
  let interrupted = false
  let done = false
  let failure: SysError | undefined
  let sliceEnd = performance.now() + SLICE_MS
  while (!done) {
    const received = recv(fd, buffer)
    if (received < 0) throw new SysError('recv (netlink)', -received)
    walkMessages(buffer, received, (type, flags, _sequence, _port, from, to) => {
      if ((flags & NLM_F.DUMP_INTR) !== 0) interrupted = true
      if (type === NLMSG.DONE || type === NLMSG.ERROR) {
        done = true
        const { errno, text } = decodeAcknowledgement(buffer, type, flags, from, to)
        if (errno !== 0) failure = new SysError('netlink dump', errno, text)
      } else visit(type, buffer, from, to)
    })
    if (!done && performance.now() > sliceEnd) {
      await new Promise((resolve) => setImmediate(resolve))
      sliceEnd = performance.now() + SLICE_MS
    }
  }
  if (failure !== undefined) throw failure
  return { interrupted }
}

export interface NotificationHandlers {
  /** One message; `port` is the requester's, 0 for the kernel's own doing. */
  message(type: number, port: number, bytes: Uint8Array, from: number, to: number): void
  /** The messages of one turn of the event loop are through. */
  turnEnd(): void
  /** Messages were lost: only a new dump tells the truth. */
  gap(reason: string): void
}

export interface NotificationSocket {
  close(): void
}

/** Drops, in the kernel, notifications caused by one port: a filter loads nlmsg_pid in network order. */
function withoutPort(port: number): FilterStep[] {
  const swapped = ((port & 0xff) << 24) | ((port & 0xff00) << 8) | ((port >>> 8) & 0xff00) | (port >>> 24)
  return [
    [0x20, 0, 0, 12],
    [0x15, 0, 1, swapped],
    [0x06, 0, 0, 0],
    [0x06, 0, 0, -1],
  ]
}

/**
 * Subscribes to multicast groups. Overflow is expected under load and reported as a gap, never hidden. What the request
 * socket `ignoredPort` causes is not delivered: half a million own routes would cost half a million reads.
 */
export function openNotificationSocket(
  groups: readonly number[],
  handlers: NotificationHandlers,
  ignoredPort = 0,
): NotificationSocket {
  const fd = openSocket(SOCKET_BUFFER)
  const buffer = new Uint8Array(RECEIVE_BYTES)
  let watch: Poll | undefined
  try {
    if (ignoredPort !== 0) attachFilter(fd, withoutPort(ignoredPort))
    for (const group of groups) setsockopt(fd, SOL.NETLINK, NETLINK.ADD_MEMBERSHIP, group)
    watch = poll(fd, { readable: true }, () => receive(fd, buffer, handlers, () => watch === undefined))
  } catch (error) {
    close(fd)
    throw error
  }
  return {
    close: () => {
      if (watch === undefined) return
      watch.stop()
      watch = undefined
      close(fd)
    },
  }
}

/** Reads until the queue is empty or the slice is over; the poll is level-triggered and comes back for the rest. */
function receive(fd: number, buffer: Uint8Array, handlers: NotificationHandlers, closed: () => boolean): void {
  const sliceEnd = performance.now() + SLICE_MS
  while (!closed()) {
    const received = recv(fd, buffer)
    if (received === -ERRNO.EAGAIN) break
    if (received < 0) {
      handlers.gap(received === -ERRNO.ENOBUFS ? 'notifications overflowed' : new SysError('recv', -received).message)
      if (received !== -ERRNO.ENOBUFS) break
      continue
    }
    const whole = walkMessages(buffer, received, (type, _flags, _sequence, port, from, to) => {
      handlers.message(type, port, buffer, from, to)
    })
    if (!whole) handlers.gap('a notification was cut short')
    if (performance.now() > sliceEnd) break
  }
  handlers.turnEnd()
}
