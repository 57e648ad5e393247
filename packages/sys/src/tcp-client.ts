/**
 * An active BGP connection with the options its peer wants, as an ordinary `net.Socket`. Without native options it is
 * plain node:net, so nothing native is loaded; with them the descriptor is made here, prepared, bound and handed over.
 * A wrong option or missing privilege throws at once; what happens on the wire arrives as the socket's events. A wrong
 * MD5 key is silence (the peer drops every segment): the caller's own connect timer must end the attempt.
 */

import { type NetConnectOpts, connect as netConnect, Socket } from 'node:net'
import { bind, close, setsockopt, socket } from './calls.js'
import { AF, IPV6, SO, SOCK, SOL } from './constants.js'
import { parseAddress, sockaddr } from './sockaddr.js'
import { applyOptions, type NativeTcpOptions, setAoKey, setMd5Key, wantsNative } from './tcp-options.js'

export interface TcpClientOptions extends NativeTcpOptions {
  /** An address, `fe80::1%eth0` included; names are not resolved. */
  remoteAddress: string
  remotePort: number
  localAddress?: string | undefined
  localPort?: number | undefined
}

/** Starts the connection and returns the socket in state "connecting", with Nagle's algorithm off. */
export function openTcpClient(options: TcpClientOptions): Socket {
  const { family } = parseAddressLoosely(options.remoteAddress)
  const target: NetConnectOpts = { host: options.remoteAddress, port: options.remotePort, autoSelectFamily: false }
  if (!wantsNative(options)) {
    return netConnect({
      ...target,
      family,
      noDelay: true,
      ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
      ...(options.localPort !== undefined && { localPort: options.localPort }),
    })
  }
  const fd = socket(family === 4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  try {
    applyOptions(fd, family, options)
    if (family === 6 && options.localAddress === undefined) preferPublicSource(fd)
    const peer = options.remoteAddress
    if (options.md5 !== undefined) setMd5Key(fd, peer, options.md5)
    if (options.ao !== undefined) setAoKey(fd, peer, options.ao)
    if (options.localAddress !== undefined || options.localPort !== undefined) {
      setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, 1)
      const local = options.localAddress ?? (family === 4 ? '0.0.0.0' : '::')
      bind(fd, sockaddr(local, options.localPort ?? 0), `local address ${local}`)
    }
  } catch (error) {
    close(fd)
    throw error
  }
  const result = new Socket({ fd })
  result.setNoDelay(true)
  result.connect(target)
  return result
}

/** linux/in6.h. */
const PREFER_SRC_PUBLIC = 0x0002

/** RFC 5014: where the kernel picks our address, not a temporary one, which the peer cannot know. A wish, not a need. */
function preferPublicSource(fd: number): void {
  try {
    setsockopt(fd, SOL.IPV6, IPV6.ADDR_PREFERENCES, PREFER_SRC_PUBLIC)
  } catch {
    // The session comes up wherever the peer does not mind.
  }
}

/** The family alone: a scope that does not resolve yet must fail on connect, not here, in the plain case. */
function parseAddressLoosely(text: string): { family: 4 | 6 } {
  return { family: parseAddress(text.split('%')[0] ?? text).family }
}
