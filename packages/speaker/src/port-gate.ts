/**
 * Is the BGP port still somebody else's? Asked before there is a speaker (node.md 3).
 *
 * While BIRD runs on a host its sessions are alive and its kernel routes have our protocol number. A second speaker with the
 * same address would take those sessions over from the neighbours' point of view (RFC 4724 section 4.2: a new connection
 * means a restart), and tidy away routes that are in use. So it waits, and begins the moment the port is free: that is a
 * handover without a gap. An address that is not there yet is no reason to wait; the listener deals with it.
 */
import {
  AF,
  bind,
  close,
  hasNative,
  IPV6,
  parseAddress,
  SO,
  SOCK,
  SOL,
  SysError,
  setsockopt,
  sockaddr,
  socket,
} from '@starling/sys'
import { PORT_RETRY } from './limits.js'
import type { ListenAddress } from './listener.js'

const EADDRINUSE = 98

export interface PortGateReport {
  /** Once, when waiting begins. */
  held(at: ListenAddress): void
  /** Once, when it is over. */
  free(): void
}

export class PortGate {
  readonly #report: PortGateReport
  #wanted: readonly ListenAddress[] = []
  #held: ListenAddress | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(report: PortGateReport) {
    this.#report = report
  }

  /** The address that is waited for. */
  get held(): ListenAddress | undefined {
    return this.#held
  }

  /** True when all of them can be had. Otherwise `free` is called when they can, for those of the last call. */
  open(listen: readonly ListenAddress[]): boolean {
    this.#wanted = listen
    if (this.#timer !== undefined) return false
    const taken = listen.find(isTaken)
    if (taken === undefined) return true
    this.#held = taken
    this.#report.held(taken)
    this.#timer = setInterval(() => this.#again(), PORT_RETRY)
    return false
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#held = undefined
  }

  #again(): void {
    const taken = this.#wanted.find(isTaken)
    if (taken !== undefined) {
      this.#held = taken
      return
    }
    this.close()
    this.#report.free()
  }
}

/** Binding without listening: what is refused to us now is refused to the listener, and nobody can connect meanwhile. */
export function isTaken({ address, port }: ListenAddress): boolean {
  if (port === 0 || !hasNative()) return false
  const { family } = parseAddress(address)
  const fd = socket(family === 4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
  try {
    setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, 1)
    if (family === 6) setsockopt(fd, SOL.IPV6, IPV6.V6ONLY, 1)
    bind(fd, sockaddr(address, port))
    return false
  } catch (error) {
    return error instanceof SysError && error.errno === EADDRINUSE
  } finally {
    close(fd)
  }
}
