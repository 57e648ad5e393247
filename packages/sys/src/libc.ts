/**
 * The door to libc: the only file of the project that loads koffi, and it does so on the first native call, so that a
 * route reflector without native options never needs it. Where koffi, Linux or libc is absent every call throws
 * `Unsupported` with the reason. Errors of the calls themselves are negative errno values, never exceptions: the hot
 * callers (netlink) compare numbers.
 * Traps of koffi kept here (the platform study 1.4): no ssize_t, errno read at once, buffers referenced during the call.
 */

import { createRequire } from 'node:module'
import { Unsupported } from './errno.js'

type Bytes = Uint8Array | Int32Array | null

/** libc functions as this package uses them: raw results, errno through `errno()`. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Int32Array): number
  bind(fd: number, address: Uint8Array, length: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  listen(fd: number, backlog: number): number
  getsockname(fd: number, address: Uint8Array, length: Int32Array): number
  send(fd: number, data: Bytes, length: number, flags: number): number
  recv(fd: number, data: Bytes, length: number, flags: number): number
  sendto(fd: number, data: Bytes, length: number, flags: number, address: Uint8Array, addressLength: number): number
  recvfrom(
    fd: number,
    data: Bytes,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: Int32Array,
  ): number
  close(fd: number): number
  dup(fd: number): number
  setns(fd: number, type: number): number
  unshare(flags: number): number
  ifNameToIndex(name: string): number
  errno(): number
  /** Address of a buffer, for structures that hold pointers; the caller keeps the buffer referenced. */
  addressOf(buffer: Uint8Array): bigint
  /** The callback gets a number, and nothing more ever comes, where libuv found an error pending. */
  poll(fd: number, interest: PollInterest, callback: (event: PollEvent) => void): PollHandle
}

interface KoffiLibrary {
  /** An untyped function; the interface above types each one, once. */
  func(prototype: string): unknown
}

interface Koffi {
  load(path: string): KoffiLibrary
  errno(): number
  address(value: unknown): bigint
  node: {
    poll(fd: number, options: PollInterest, callback: (event: PollEvent) => void): PollHandle
  }
}

interface PollInterest {
  readonly readable?: boolean
  readonly writable?: boolean
}

export type PollEvent = number | { readonly readable: boolean; readonly writable: boolean }

export interface PollHandle {
  close(): void
  ref(): void
  unref(): void
}

const GLIBC = ['libc.so.6']
const MUSL = ['libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1', 'libc.so']

let loaded: Libc | undefined
let refusal: Unsupported | undefined

/** The loaded library. Throws `Unsupported`, with the same reason each time, where there is none. */
export function libc(): Libc {
  if (loaded !== undefined) return loaded
  if (refusal !== undefined) throw refusal
  try {
    loaded = load(process.platform)
    return loaded
  } catch (error) {
    refusal =
      error instanceof Unsupported
        ? error
        : new Unsupported('native networking', error instanceof Error ? error.message : String(error))
    throw refusal
  }
}

/** True where native calls can be made at all. */
export function hasNative(): boolean {
  try {
    libc()
    return true
  } catch {
    return false
  }
}

function load(platform: NodeJS.Platform): Libc {
  if (platform !== 'linux') throw new Unsupported('native networking', `it needs Linux, this is ${platform}`)
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new Unsupported('native networking', `the koffi package does not load (${why})`)
  }
  return bindings(koffi, openLibrary(koffi))
}

function openLibrary(koffi: Koffi): KoffiLibrary {
  for (const name of [...GLIBC, ...MUSL]) {
    try {
      return koffi.load(name)
    } catch {
      // the next name belongs to the other libc
    }
  }
  throw new Unsupported('native networking', `no libc found under ${[...GLIBC, ...MUSL].join(', ')}`)
}

function bindings(koffi: Koffi, library: KoffiLibrary): Libc {
  const f = <T>(prototype: string): T => library.func(prototype) as T
  return {
    socket: f('int socket(int domain, int type, int protocol)'),
    setsockopt: f('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    getsockopt: f('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    bind: f('int bind(int fd, const void *address, uint32_t length)'),
    connect: f('int connect(int fd, const void *address, uint32_t length)'),
    listen: f('int listen(int fd, int backlog)'),
    getsockname: f('int getsockname(int fd, void *address, void *length)'),
    send: f('intptr_t send(int fd, const void *data, size_t length, int flags)'),
    recv: f('intptr_t recv(int fd, void *data, size_t length, int flags)'),
    sendto: f(
      'intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
    ),
    recvfrom: f('intptr_t recvfrom(int fd, void *data, size_t length, int flags, void *address, void *addressLength)'),
    close: f('int close(int fd)'),
    dup: f('int dup(int fd)'),
    setns: f('int setns(int fd, int type)'),
    unshare: f('int unshare(int flags)'),
    ifNameToIndex: f('unsigned int if_nametoindex(const char *name)'),
    errno: () => koffi.errno(),
    addressOf: (buffer) => koffi.address(buffer),
    poll: (fd, interest, callback) => koffi.node.poll(fd, interest, callback),
  }
}
