/**
 * Raw calls, one thin function each. `send` and `recv` return the byte count or a negative errno (the hot callers
 * compare numbers); all others throw `SysError`. Nothing here keeps state or interprets what it moves.
 */

import { SO, SOL } from './constants.js'
import { ERRNO, SysError } from './errno.js'
import { libc, type PollHandle } from './libc.js'

/** Throws the errno of the call that has just returned `result` below zero. */
function check(syscall: string, result: number, detail = ''): number {
  if (result < 0) throw new SysError(syscall, libc().errno(), detail)
  return result
}

export function socket(domain: number, type: number, protocol: number): number {
  return check('socket', libc().socket(domain, type, protocol))
}

export function setsockopt(fd: number, level: number, name: number, value: number | Uint8Array, detail = ''): void {
  const bytes = typeof value === 'number' ? int32(value) : value
  check('setsockopt', libc().setsockopt(fd, level, name, bytes, bytes.length), detail)
}

/** The option's bytes, cut to what the kernel returned; `size` is the room offered. */
export function getsockopt(fd: number, level: number, name: number, size = 4): Uint8Array {
  const value = new Uint8Array(size)
  const length = new Int32Array([size])
  check('getsockopt', libc().getsockopt(fd, level, name, value, length))
  return value.subarray(0, length[0])
}

export function bind(fd: number, address: Uint8Array, detail = ''): void {
  check('bind', libc().bind(fd, address, address.length), detail)
}

/** A non-blocking connect that is under way counts as done. */
export function connect(fd: number, address: Uint8Array, detail = ''): void {
  const result = libc().connect(fd, address, address.length)
  if (result < 0 && libc().errno() !== 115) throw new SysError('connect', libc().errno(), detail)
}

export function listen(fd: number, backlog: number): void {
  check('listen', libc().listen(fd, backlog))
}

/** The sockaddr a socket is bound to. */
export function getsockname(fd: number): Uint8Array {
  const address = new Uint8Array(128)
  const length = new Int32Array([128])
  check('getsockname', libc().getsockname(fd, address, length))
  return address.subarray(0, length[0])
}

/** Bytes sent, or a negative errno. */
export function send(fd: number, data: Uint8Array, length = data.length, flags = 0): number {
  const sent = libc().send(fd, data, length, flags)
  return sent < 0 ? -libc().errno() : sent
}

/** Bytes received, or a negative errno (-EAGAIN: nothing there; -ENOBUFS: the kernel dropped messages). */
export function recv(fd: number, into: Uint8Array, length = into.length, flags = 0): number {
  const received = libc().recv(fd, into, length, flags)
  return received < 0 ? -libc().errno() : received
}

/** Like `send`, towards an address (unconnected datagram and raw sockets). */
export function sendto(fd: number, data: Uint8Array, address: Uint8Array, flags = 0): number {
  const sent = libc().sendto(fd, data, data.length, flags, address, address.length)
  return sent < 0 ? -libc().errno() : sent
}

/** Like `recv`; the sender's sockaddr is written into `address` (at least 28 bytes). */
export function recvfrom(fd: number, into: Uint8Array, address: Uint8Array, flags = 0): number {
  const received = libc().recvfrom(fd, into, into.length, flags, address, new Int32Array([address.length]))
  return received < 0 ? -libc().errno() : received
}

export function close(fd: number): void {
  check('close', libc().close(fd))
}

export function dup(fd: number): number {
  return check('dup', libc().dup(fd))
}

/** Moves the calling thread (a worker has its own) into the namespace behind an open file such as /run/netns/NAME. */
export function setns(fd: number, type: number): void {
  check('setns', libc().setns(fd, type))
}

export function unshare(flags: number): void {
  check('unshare', libc().unshare(flags))
}

/** Interface index in the calling thread's namespace. Throws ENODEV for an unknown name. */
export function interfaceIndex(name: string): number {
  const index = libc().ifNameToIndex(name)
  if (index === 0) throw new SysError('if_nametoindex', ERRNO.ENODEV, name)
  return index
}

/** A stoppable watch on a descriptor. `unref` lets the process end while it is armed. */
export interface Poll {
  stop(): void
  ref(): void
  unref(): void
}

/** How soon a descriptor with an error is watched again. */
const REARM_MS = 5

/**
 * Calls back from the event loop whenever `fd` is ready (level-triggered). An exception from the callback inside koffi
 * would vanish, so it is thrown again from a fresh turn where it reaches `uncaughtException`.
 *
 * libuv gives up a descriptor for good when it has an error pending (POLLERR: a netlink socket that overflowed), although
 * reading it takes the error away: the watch is then made anew.
 */
export function poll(fd: number, interest: { readable?: boolean; writable?: boolean }, ready: () => void): Poll {
  let stopped = false
  let referenced = true
  let again: NodeJS.Timeout | undefined
  let handle: PollHandle
  const arm = (): void => {
    handle = libc().poll(fd, interest, (event) => {
      if (stopped) return
      if (typeof event === 'number') {
        handle.close()
        again = setTimeout(() => {
          again = undefined
          arm()
        }, REARM_MS)
        if (!referenced) again.unref()
      }
      try {
        ready()
      } catch (thrown) {
        setImmediate(() => {
          throw thrown
        })
      }
    })
    if (!referenced) handle.unref()
  }
  arm()
  return {
    stop: () => {
      if (stopped) return
      stopped = true
      if (again === undefined) handle.close()
      else clearTimeout(again)
    },
    ref: () => {
      referenced = true
      if (again === undefined) handle.ref()
    },
    unref: () => {
      referenced = false
      if (again === undefined) handle.unref()
    },
  }
}

/** Credentials of the process at the other end of a connected Unix socket (SO_PEERCRED). */
export interface PeerCredentials {
  pid: number
  uid: number
  gid: number
}

export function peerCredentials(fd: number): PeerCredentials {
  const raw = getsockopt(fd, SOL.SOCKET, SO.PEERCRED, 12)
  const view = new DataView(raw.buffer, raw.byteOffset, 12)
  return { pid: view.getInt32(0, true), uid: view.getUint32(4, true), gid: view.getUint32(8, true) }
}

/** A C int in host order (both supported machines are little endian). */
export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}
