/**
 * A listening socket whose keys can change while it listens. Keys, TTL rules and binding are in place before `listen`,
 * so there is no unsigned window; accepted sockets inherit them. IPv6 listeners are IPv6 only: one listener per family
 * and address, so that a key for an IPv4 peer is never needed in mapped form. Adding or removing a key touches no
 * established session. Without native calls a plain node:net server serves, as long as nothing native is asked of it.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { bind, close as closeFd, getsockname, listen, setsockopt, socket } from './calls.js'
import { AF, IPV6, SO, SOCK, SOL } from './constants.js'
import { Unsupported } from './errno.js'
import { hasNative } from './libc.js'
import { parseAddress, sockaddr, sockaddrPort } from './sockaddr.js'
import {
  type AuthenticationOption,
  applyOptions,
  dropMd5Key,
  type NativeTcpOptions,
  setAoKey,
  setMd5Key,
  wantsNative,
} from './tcp-options.js'

export interface TcpListenerOptions extends Omit<NativeTcpOptions, 'md5' | 'ao'> {
  /** `0.0.0.0`, `::`, one address, or `fe80::1%eth0`. */
  address: string
  /** 0 lets the kernel choose; see `TcpListener.port`. */
  port: number
  backlog?: number | undefined
  reusePort?: boolean | undefined
  /** Keys by peer address or prefix (`10.0.0.0/8`). */
  md5Keys?: Iterable<readonly [peer: string, key: string | Uint8Array]> | undefined
  aoKeys?: Iterable<readonly [peer: string, key: AuthenticationOption]> | undefined
  /**
   * Called for an MD5 key that the kernel refuses; the listener opens without it. The caller must then turn that peer
   * away, for its unsigned segments are accepted. Absent: the first refusal is thrown.
   */
  onKeyError?: ((peer: string, error: unknown) => void) | undefined
}

export interface TcpListener {
  readonly server: Server
  readonly address: string
  /** The bound port; 0 until `ready` when the plain fallback was asked for port 0. */
  readonly port: number
  /** Settles when connections are accepted, or with the reason why not. */
  readonly ready: Promise<void>
  addMd5Key(peer: string, key: string | Uint8Array): void
  removeMd5Key(peer: string): void
  addAoKey(peer: string, key: AuthenticationOption): void
  /** Stops accepting; established connections stay. */
  close(): Promise<void>
}

const DEFAULT_BACKLOG = 511

/** Opens the listener; binding errors throw at once in the native case and reject `ready` in the plain one. */
export function openTcpListener(options: TcpListenerOptions, onConnection: (socket: Socket) => void): TcpListener {
  const server = createServer({ noDelay: true, allowHalfOpen: false }, onConnection)
  const keys = [...(options.md5Keys ?? [])]
  const aoKeys = [...(options.aoKeys ?? [])]
  if (!hasNative() && !wantsNative(options) && keys.length === 0 && aoKeys.length === 0) {
    return plainListener(server, options)
  }
  const { family } = parseAddress(options.address)
  const fd = socket(family === 4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  let port: number
  try {
    setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, 1)
    if (options.reusePort === true) setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, 1)
    if (family === 6) setsockopt(fd, SOL.IPV6, IPV6.V6ONLY, 1)
    applyOptions(fd, family, options)
    for (const [peer, key] of keys) {
      try {
        setMd5Key(fd, peer, key)
      } catch (error) {
        if (options.onKeyError === undefined) throw error
        options.onKeyError(peer, error)
      }
    }
    for (const [peer, key] of aoKeys) setAoKey(fd, peer, key)
    bind(fd, sockaddr(options.address, options.port), `${options.address} port ${options.port}`)
    listen(fd, options.backlog ?? DEFAULT_BACKLOG)
    port = sockaddrPort(getsockname(fd))
  } catch (error) {
    closeFd(fd)
    throw error
  }
  const ready = whenListening(server)
  server.listen({ fd, backlog: options.backlog ?? DEFAULT_BACKLOG })
  const open = () => {
    if (!server.listening) throw new Error(`listener ${options.address} port ${port} is closed`)
    return fd
  }
  return {
    server,
    address: options.address,
    port,
    ready,
    addMd5Key: (peer, key) => setMd5Key(open(), peer, key),
    removeMd5Key: (peer) => dropMd5Key(open(), peer),
    addAoKey: (peer, key) => setAoKey(open(), peer, key),
    close: () => closeServer(server),
  }
}

function plainListener(server: Server, options: TcpListenerOptions): TcpListener {
  const ready = whenListening(server)
  server.listen({
    host: options.address,
    port: options.port,
    backlog: options.backlog ?? DEFAULT_BACKLOG,
    ipv6Only: true,
  })
  const refuse = () => {
    throw new Unsupported('TCP authentication', 'native networking is not available')
  }
  return {
    server,
    address: options.address,
    get port() {
      const bound = server.address()
      return bound !== null && typeof bound === 'object' ? bound.port : options.port
    },
    ready,
    addMd5Key: refuse,
    removeMd5Key: refuse,
    addAoKey: refuse,
    close: () => closeServer(server),
  }
}

function whenListening(server: Server): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  // A caller that does not look at `ready` still learns of errors through the server's own event.
  ready.catch(() => undefined)
  return ready
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) resolve()
    else server.close(() => resolve())
  })
}
