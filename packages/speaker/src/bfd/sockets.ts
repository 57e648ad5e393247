/**
 * The UDP sockets of the BFD worker: one to receive per family and kind, one to send per session.
 *
 * RFC 5881 section 5: single-hop packets leave with TTL 255 and count only when they arrive with it. The kernel has no
 * option for that on UDP, so a socket filter drops the others before we see them (node.md 4). RFC 5881 section 4: the
 * source port of a session is above 49151, its own, and stays.
 */
import { createSocket, type Socket } from 'node:dgram'
import { AF, attachTtlFilter, bind, close, IP, IPV6, SO, SOCK, SOL, setsockopt, sockaddr, socket } from '@starling/sys'
import type { BfdTarget } from './messages.js'

export const SINGLE_HOP_PORT = 3784
export const MULTIHOP_PORT = 4784
const FULL_TTL = 255
/** CS6, as BGP itself. */
const TOS = 0xc0
const FIRST_SOURCE_PORT = 49_152
const SOURCE_PORTS = 65_536 - FIRST_SOURCE_PORT
const PORT_ATTEMPTS = 16
/** A burst of a thousand peers fits. */
const RECEIVE_BUFFER = 1 << 20

type Family = 4 | 6

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

function open(family: Family): number {
  return socket(family === 4 ? AF.INET : AF.INET6, SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
}

/** The fd as a node:dgram socket; on failure it is closed. */
function adopt(fd: number, family: Family, prepare: () => void): Socket {
  try {
    prepare()
  } catch (error) {
    close(fd)
    throw error
  }
  const result = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    // Addresses only: no resolver, no extra turn of the loop.
    lookup: (host, _options, done) => done(null, host, family),
  })
  result.bind({ fd })
  return result
}

/** Throws when the port is taken, by another BFD daemon for example. */
export function openReceiver(family: Family, multihop: boolean): Socket {
  const fd = open(family)
  return adopt(fd, family, () => {
    setsockopt(fd, SOL.SOCKET, SO.RCVBUF, RECEIVE_BUFFER)
    if (family === 6) setsockopt(fd, SOL.IPV6, IPV6.V6ONLY, 1)
    if (!multihop) attachTtlFilter(fd, family, FULL_TTL)
    const port = multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT
    bind(fd, sockaddr(family === 4 ? '0.0.0.0' : '::', port), `BFD port ${port}`)
  })
}

/** Throws when the local address or the device is not there. */
export function openSender(target: BfdTarget, random: () => number): Socket {
  const family = familyOf(target.remoteAddress)
  const fd = open(family)
  return adopt(fd, family, () => {
    if (family === 4) {
      setsockopt(fd, SOL.IP, IP.TTL, FULL_TTL)
      setsockopt(fd, SOL.IP, IP.TOS, TOS)
    } else {
      setsockopt(fd, SOL.IPV6, IPV6.UNICAST_HOPS, FULL_TTL)
      setsockopt(fd, SOL.IPV6, IPV6.TCLASS, TOS)
    }
    if (target.interface !== undefined) {
      setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, new TextEncoder().encode(`${target.interface}\0`), target.interface)
    }
    bindSomewhere(fd, target.localAddress ?? (family === 4 ? '0.0.0.0' : '::'), random)
  })
}

function bindSomewhere(fd: number, address: string, random: () => number): void {
  for (let attempt = 1; ; attempt++) {
    const port = FIRST_SOURCE_PORT + Math.floor(random() * SOURCE_PORTS)
    try {
      bind(fd, sockaddr(address, port), `BFD source ${address}`)
      return
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || (error as { code?: string }).code !== 'EADDRINUSE') throw error
    }
  }
}
