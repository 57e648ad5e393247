/**
 * What can go wrong between us and etcd, in one small tree. gRPC's codes and etcd's sentences are read here and nowhere
 * else; callers look at `code`, `retriable` and `ambiguous`.
 */
import { type ServiceError, status } from '@grpc/grpc-js'

export type EtcdErrorCode =
  /** No member answered, or the member that did has no leader. */
  | 'unavailable'
  /** No answer in time. */
  | 'deadline'
  /** The token is unknown or expired, or there is none and one is needed. */
  | 'unauthenticated'
  /** Wrong credentials, or a role that does not allow this. */
  | 'denied'
  /** The revision asked for is no longer there. */
  | 'compacted'
  /** A request etcd does not accept. */
  | 'invalid'
  /** This client was closed. */
  | 'closed'
  | 'internal'

export interface EtcdErrorOptions {
  readonly ambiguous?: boolean
  readonly unsent?: boolean
  readonly cause?: unknown
}

export class EtcdError extends Error {
  override readonly name = 'EtcdError'
  readonly code: EtcdErrorCode
  /** The request may have taken effect although no answer came. */
  readonly ambiguous: boolean
  /** The request certainly never left: repeating it is safe, even a write. */
  readonly unsent: boolean

  constructor(code: EtcdErrorCode, message: string, { ambiguous, unsent, cause }: EtcdErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.ambiguous = ambiguous ?? false
    this.unsent = unsent ?? false
  }

  /** Waiting or another member may help. */
  get retriable(): boolean {
    return this.code === 'unavailable' || this.code === 'deadline' || this.code === 'internal'
  }
}

/** grpc-js words for a call that was never put on a connection. */
const UNSENT =
  /No connection established|name resolution|Waiting for LB pick|Channel closed before call started|Channel has been shut down/i

/** etcd's sentences (`etcdserver/api/v3rpc/rpctypes`) that mean "show a fresh token", whatever their gRPC code. */
const STALE_AUTH = /invalid auth token|revision of auth store is old|user name is empty|user name not found in token/i

/** gRPC wraps a refused connection: `No connection established. Last error: Error: connect ... Resolution note: `. */
function plainWords(message: string): string {
  return message
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/\.? ?Resolution note: ?$/, '')
}

export function isStaleAuth(message: string): boolean {
  return STALE_AUTH.test(message)
}

export function fromGrpc(error: unknown): EtcdError {
  if (error instanceof EtcdError) return error
  const { code, details } = error as Partial<ServiceError>
  const said = details || (error instanceof Error ? error.message : String(error))
  const message = plainWords(said)
  const unsent = UNSENT.test(said)
  const lost = { ambiguous: !unsent, unsent, cause: error }
  if (code === status.UNAUTHENTICATED || isStaleAuth(message)) {
    return new EtcdError('unauthenticated', message, { unsent: true, cause: error })
  }
  if (code === status.OUT_OF_RANGE && message.includes('compacted')) {
    return new EtcdError('compacted', message, { cause: error })
  }
  if (code === status.DEADLINE_EXCEEDED) return new EtcdError('deadline', message, lost)
  if (code === status.UNAVAILABLE || code === status.CANCELLED) return new EtcdError('unavailable', message, lost)
  if (code === status.PERMISSION_DENIED || message.includes('authentication failed')) {
    return new EtcdError('denied', message, { cause: error })
  }
  if (code === undefined || code === status.INTERNAL || code === status.UNKNOWN || code === status.DATA_LOSS) {
    return new EtcdError('internal', message, lost)
  }
  return new EtcdError('invalid', message, { cause: error })
}
