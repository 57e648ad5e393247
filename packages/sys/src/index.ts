/**
 * @starling/sys: the only native calls of the project (koffi over libc) and the typed helpers that hide them.
 * Loading this module loads nothing native; the first call that needs it does, or throws `Unsupported` with the reason.
 */

export type { PeerCredentials, Poll } from './calls.js'
export {
  bind,
  close,
  connect,
  dup,
  getsockname,
  getsockopt,
  int32,
  interfaceIndex,
  listen,
  peerCredentials,
  poll,
  recv,
  recvfrom,
  send,
  sendto,
  setns,
  setsockopt,
  socket,
  unshare,
} from './calls.js'
export type { Capabilities, Feature } from './capabilities.js'
export { capabilities, supports } from './capabilities.js'
export { AF, CLONE, ICMPV6, IP, IPV6, MSG, NETLINK, SO, SOCK, SOL, TCP } from './constants.js'
export { ERRNO, errnoName, errnoWords, SysError, Unsupported } from './errno.js'
export type { FilterStep } from './filter.js'
export { attachFilter, attachTtlFilter } from './filter.js'
export { hasNative } from './libc.js'
export type { ParsedAddress } from './sockaddr.js'
export { parseAddress, sockaddr, sockaddrNetlink, sockaddrPort } from './sockaddr.js'
export type { TcpClientOptions } from './tcp-client.js'
export { openTcpClient } from './tcp-client.js'
export type { TcpListener, TcpListenerOptions } from './tcp-listener.js'
export { openTcpListener } from './tcp-listener.js'
export type { AuthenticationOption, NativeTcpOptions } from './tcp-options.js'
export { applyOptions as applyTcpOptions, setMd5Key } from './tcp-options.js'
