/**
 * TCP options a BGP session asks of the kernel: MD5 signatures (RFC 2385), TCP-AO (RFC 5925), GTSM (RFC 5082), TOS,
 * user timeout, segment size, interface or VRF binding. All are set before connect or listen, so that no unsigned
 * segment ever leaves. Layouts: linux/tcp.h (`struct tcp_md5sig`, `struct tcp_ao_add`).
 */

import { setsockopt } from './calls.js'
import { IP, IPV6, SO, SOL, TCP } from './constants.js'
import { ERRNO, SysError, Unsupported } from './errno.js'
import { parseAddress, sockaddr } from './sockaddr.js'

/** TCP_MD5SIG_MAXKEYLEN. */
const MD5_KEY_LIMIT = 80
const MD5SIG_BYTES = 216
const MD5_FLAG_PREFIX = 1
const AO_ADD_BYTES = 288
const AO_KEY_LIMIT = 80

/** One TCP-AO master key tuple; both identifiers must match the other side's, crosswise. */
export interface AuthenticationOption {
  key: string | Uint8Array
  sendId: number
  receiveId: number
  /** RFC 5926; the kernel's names. */
  algorithm?: 'hmac(sha1)' | 'cmac(aes128)' | 'hmac(sha256)'
}

/** Options that no plain node:net socket can set. */
export interface NativeTcpOptions {
  /** Interface or VRF device (SO_BINDTODEVICE). */
  interface?: string | undefined
  md5?: string | Uint8Array | undefined
  ao?: AuthenticationOption | undefined
  /** TTL or hop limit of sent segments. */
  ttl?: number | undefined
  /** GTSM: segments with a smaller TTL are dropped by the kernel. */
  minTtl?: number | undefined
  /** DSCP and ECN byte; BGP uses CS6 = 0xc0. */
  tos?: number | undefined
  /** Milliseconds unacknowledged data may wait before the connection is dropped. */
  userTimeout?: number | undefined
  mss?: number | undefined
}

/** True when at least one option needs a native call. */
export function wantsNative(options: NativeTcpOptions): boolean {
  const { interface: device, md5, ao, ttl, minTtl, tos, userTimeout, mss } = options
  return [device, md5, ao, ttl, minTtl, tos, userTimeout, mss].some((value) => value !== undefined)
}

/** Everything but keys, which need the peer's address. */
export function applyOptions(fd: number, family: 4 | 6, options: NativeTcpOptions): void {
  const six = family === 6
  if (options.interface !== undefined) {
    setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, new TextEncoder().encode(`${options.interface}\0`), options.interface)
  }
  if (options.ttl !== undefined) setHop(fd, six, IP.TTL, IPV6.UNICAST_HOPS, options.ttl)
  if (options.minTtl !== undefined) setHop(fd, six, IP.MINTTL, IPV6.MINHOPCOUNT, options.minTtl)
  if (options.tos !== undefined) setHop(fd, six, IP.TOS, IPV6.TCLASS, options.tos)
  if (options.userTimeout !== undefined) setsockopt(fd, SOL.TCP, TCP.USER_TIMEOUT, options.userTimeout)
  if (options.mss !== undefined) setsockopt(fd, SOL.TCP, TCP.MAXSEG, options.mss)
}

function setHop(fd: number, six: boolean, v4: number, v6: number, value: number): void {
  if (six) setsockopt(fd, SOL.IPV6, v6, value)
  else setsockopt(fd, SOL.IP, v4, value)
}

/** `10.0.0.0/8` to its address and length; a bare address has none. */
function splitPeer(peer: string): { address: string; prefixLength: number | undefined } {
  const [address = '', length] = peer.split('/')
  return { address, prefixLength: length === undefined ? undefined : Number(length) }
}

function keyBytes(key: string | Uint8Array, limit: number): Uint8Array {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key
  if (bytes.length === 0) throw new RangeError('the key is empty')
  if (bytes.length > limit) throw new RangeError(`the key has ${bytes.length} bytes, the kernel takes ${limit}`)
  return bytes
}

/** struct tcp_md5sig; an empty key removes the entry. */
function md5sig(peer: string, key: Uint8Array): { name: number; bytes: Uint8Array } {
  const { address, prefixLength } = splitPeer(peer)
  const bytes = new Uint8Array(MD5SIG_BYTES)
  bytes.set(sockaddr(address, 0), 0)
  if (prefixLength !== undefined) {
    bytes[128] = MD5_FLAG_PREFIX
    bytes[129] = prefixLength
  }
  new DataView(bytes.buffer).setUint16(130, key.length, true)
  bytes.set(key, 136)
  return { name: prefixLength === undefined ? TCP.MD5SIG : TCP.MD5SIG_EXT, bytes }
}

/** Adds or replaces the key for one address or `address/length`. */
export function setMd5Key(fd: number, peer: string, key: string | Uint8Array): void {
  const { name, bytes } = md5sig(peer, keyBytes(key, MD5_KEY_LIMIT))
  withKeyErrors('TCP MD5', peer, () => setsockopt(fd, SOL.TCP, name, bytes, `MD5 key for ${peer}`))
}

/** Removing a key that is not there is fine: the wish is met. */
export function dropMd5Key(fd: number, peer: string): void {
  const { name, bytes } = md5sig(peer, new Uint8Array(0))
  try {
    setsockopt(fd, SOL.TCP, name, bytes, `removing the MD5 key for ${peer}`)
  } catch (error) {
    if (!(error instanceof SysError && error.errno === ERRNO.ENOENT)) throw error
  }
}

/**
 * struct tcp_ao_add. The kernel's defaults stay: 12 octets of MAC (maclen 0), TCP options signed, no flag. `current` and
 * `next` are not asked for, since a listening socket may not have them.
 */
export function tcpAoAdd(peer: string, option: AuthenticationOption): Uint8Array {
  const key = keyBytes(option.key, AO_KEY_LIMIT)
  const { address, prefixLength } = splitPeer(peer)
  const bytes = new Uint8Array(AO_ADD_BYTES)
  bytes.set(sockaddr(address, 0), 0)
  bytes.set(new TextEncoder().encode(option.algorithm ?? 'hmac(sha1)'), 128)
  bytes[202] = prefixLength ?? parseAddress(address).bytes.length * 8
  bytes[203] = option.sendId
  bytes[204] = option.receiveId
  bytes[207] = key.length
  bytes.set(key, 208)
  return bytes
}

/** Adds one TCP-AO key; it becomes current and next on a socket that has no other. */
export function setAoKey(fd: number, peer: string, option: AuthenticationOption): void {
  const bytes = tcpAoAdd(peer, option)
  withKeyErrors('TCP-AO', peer, () => setsockopt(fd, SOL.TCP, TCP.AO_ADD_KEY, bytes, `TCP-AO key for ${peer}`))
}

/** ENOMEM here is not memory: a socket's options may hold net.core.optmem_max bytes (about 960 keys at 128 KiB). */
function withKeyErrors(what: string, peer: string, set: () => void): void {
  try {
    set()
  } catch (error) {
    if (!(error instanceof SysError)) throw error
    if (error.errno === ERRNO.ENOMEM || error.errno === ERRNO.ENOBUFS) {
      throw new SysError(
        'setsockopt',
        error.errno,
        `no room for another ${what} key (${peer}); raise the sysctl net.core.optmem_max or use one key for a prefix`,
      )
    }
    if (error.errno === ERRNO.ENOPROTOOPT) throw new Unsupported(what, 'this kernel is built without it')
    throw error
  }
}
