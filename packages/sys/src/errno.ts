/**
 * errno as words. Every native call and every netlink acknowledgement fails with a small integer; this file is the one
 * place that gives it its name (ENETUNREACH), a sentence an operator can act on, and the class that carries both.
 * The numbers are Linux's (asm-generic), the only system the native half of this package runs on.
 */

const TABLE: Readonly<Record<number, readonly [name: string, words: string]>> = {
  1: ['EPERM', 'not permitted: the process lacks the needed capability'],
  2: ['ENOENT', 'no such entry'],
  3: ['ESRCH', 'no such route or process'],
  4: ['EINTR', 'interrupted'],
  5: ['EIO', 'input/output error'],
  9: ['EBADF', 'bad file descriptor'],
  11: ['EAGAIN', 'nothing there yet'],
  12: ['ENOMEM', 'out of memory'],
  13: ['EACCES', 'permission denied'],
  16: ['EBUSY', 'busy'],
  17: ['EEXIST', 'already exists'],
  18: ['EXDEV', 'crosses a device boundary'],
  19: ['ENODEV', 'no such network device'],
  22: ['EINVAL', 'invalid argument'],
  23: ['ENFILE', 'too many open files in the system'],
  24: ['EMFILE', 'too many open files in this process'],
  28: ['ENOSPC', 'no space left'],
  32: ['EPIPE', 'the other side has closed'],
  34: ['ERANGE', 'out of range'],
  75: ['EOVERFLOW', 'value too large'],
  90: ['EMSGSIZE', 'message too long'],
  92: ['ENOPROTOOPT', 'this kernel does not know the option'],
  93: ['EPROTONOSUPPORT', 'protocol not supported by this kernel'],
  95: ['EOPNOTSUPP', 'operation not supported by this kernel'],
  97: ['EAFNOSUPPORT', 'address family not supported'],
  98: ['EADDRINUSE', 'address already in use'],
  99: ['EADDRNOTAVAIL', 'address is not on this host'],
  100: ['ENETDOWN', 'network is down: the interface is down'],
  101: ['ENETUNREACH', 'network is unreachable: no route to the next hop'],
  103: ['ECONNABORTED', 'connection aborted'],
  104: ['ECONNRESET', 'connection reset'],
  105: ['ENOBUFS', 'no buffer space: messages were lost'],
  106: ['EISCONN', 'already connected'],
  107: ['ENOTCONN', 'not connected'],
  110: ['ETIMEDOUT', 'timed out'],
  111: ['ECONNREFUSED', 'connection refused'],
  113: ['EHOSTUNREACH', 'host is unreachable'],
  115: ['EINPROGRESS', 'in progress'],
}

/** errno numbers that code compares with; the table above holds the rest. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
} as const

/** `ENETUNREACH` for 101; `E4711` for a number nobody has named here. */
export function errnoName(errno: number): string {
  return TABLE[errno]?.[0] ?? `E${errno}`
}

/** One sentence for an operator, without the name. */
export function errnoWords(errno: number): string {
  return TABLE[errno]?.[1] ?? 'unknown error'
}

/** A native call failed: the environment's fault, `code` is the errno name as in Node's own errors. */
export class SysError extends Error {
  readonly errno: number
  readonly code: string
  readonly syscall: string

  constructor(syscall: string, errno: number, detail = '') {
    super(`${syscall}: ${errnoName(errno)} (${errnoWords(errno)})${detail === '' ? '' : `: ${detail}`}`)
    this.name = 'SysError'
    this.errno = errno
    this.code = errnoName(errno)
    this.syscall = syscall
  }
}

/** The machine cannot do this at all: another system, koffi missing, or a kernel without the feature. */
export class Unsupported extends Error {
  readonly code = 'ERR_UNSUPPORTED'

  constructor(what: string, why: string) {
    super(`${what} is unsupported here: ${why}`)
    this.name = 'Unsupported'
  }
}
