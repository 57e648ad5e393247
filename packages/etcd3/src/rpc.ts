/**
 * One request, one answer: the road of every call that is not a watch. Each attempt has its own deadline, so that a hung
 * member costs one attempt and not the call; the call as a whole has another.
 *
 * What is repeated: anything that certainly never left; everything idempotent; and, with a fresh token, what was refused
 * for a stale one. A write whose answer was lost is never repeated here: it may have happened, and only the caller knows
 * how to find out. It comes back as an `ambiguous` error.
 */
import { Metadata, type ServiceError } from '@grpc/grpc-js'
import type { Backoff } from './clock.js'
import { deadlineIn, now, sleep } from './clock.js'
import type { Endpoint, Endpoints } from './endpoints.js'
import { EtcdError, fromGrpc } from './errors.js'
import type { Method } from './messages.js'
import { methods } from './messages.js'

export interface RpcOptions {
  /** Budget of one attempt at one member. */
  readonly attemptMs: number
  /** Budget of a whole call, rotation and waiting included. */
  readonly callMs: number
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface CallOptions {
  /** Repeating this request is harmless, even when an earlier attempt took effect. */
  readonly idempotent?: boolean
  /** Stay with this endpoint: no rotation, no retry. */
  readonly endpoint?: Endpoint
}

export class Rpc {
  readonly endpoints: Endpoints
  readonly options: RpcOptions
  readonly backoff: () => Backoff
  readonly #credentials: Credentials | undefined
  readonly #roundFailed: () => void
  #token: Promise<string> | undefined
  #closed = false

  constructor(
    endpoints: Endpoints,
    options: RpcOptions,
    backoff: () => Backoff,
    roundFailed: () => void,
    auth: Credentials | undefined,
  ) {
    this.endpoints = endpoints
    this.options = options
    this.backoff = backoff
    this.#roundFailed = roundFailed
    this.#credentials = auth
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
    this.endpoints.close()
  }

  /** Tells that a member did not serve; true when all have now failed once. */
  failed(endpoint: Endpoint): boolean {
    const round = this.endpoints.failed(endpoint)
    if (round) this.#roundFailed()
    return round
  }

  async call<Q, A>(method: Method<Q, A>, request: Q, { idempotent, endpoint }: CallOptions = {}): Promise<A> {
    const end = now() + this.options.callMs
    const backoff = this.backoff()
    let renewals = 0
    let attempts = 0
    for (;;) {
      if (this.#closed) throw new EtcdError('closed', 'the etcd client is closed')
      const member = endpoint ?? this.endpoints.current()
      const left = end - now()
      try {
        const metadata = await this.metadata()
        return await once(member, method, request, metadata, Math.min(left, this.options.attemptMs))
      } catch (cause) {
        const error = this.#closed ? new EtcdError('closed', 'the etcd client is closed', { cause }) : fromGrpc(cause)
        if (error.code === 'unauthenticated' && this.#credentials && renewals++ === 0) {
          this.staleToken()
          continue
        }
        if (!error.retriable || endpoint !== undefined || !(idempotent || error.unsent)) throw error
        this.failed(member)
        attempts++
        // The first round goes straight through all members, later ones wait.
        const wait = attempts < this.endpoints.count ? 0 : backoff.next()
        if (now() + wait >= end) throw error
        if (wait > 0) await sleep(wait)
      }
    }
  }

  /** Metadata with the token, if we have credentials. */
  async metadata(): Promise<Metadata> {
    const metadata = new Metadata()
    if (this.#credentials) {
      this.#token ??= this.#authenticate(this.#credentials)
      const token = await this.#token
      if (token !== '') metadata.set('token', token)
    }
    return metadata
  }

  /** The token in use was refused: the next call fetches another. */
  staleToken(): void {
    this.#token = undefined
  }

  async #authenticate({ username, password }: Credentials): Promise<string> {
    const end = now() + this.options.callMs
    const backoff = this.backoff()
    try {
      for (let attempt = 1; ; attempt++) {
        const member = this.endpoints.current()
        try {
          const request = { name: username, password }
          const budget = Math.min(end - now(), this.options.attemptMs)
          return (await once(member, methods.authenticate, request, new Metadata(), budget)).token
        } catch (cause) {
          const error = fromGrpc(cause)
          // Credentials for a cluster that asks for none: go without, as etcd's own clients do.
          if (error.message.includes('authentication is not enabled')) return ''
          if (!error.retriable) throw error
          this.failed(member)
          const wait = attempt < this.endpoints.count ? 0 : backoff.next()
          if (this.#closed || now() + wait >= end)
            throw new EtcdError(error.code, error.message, { unsent: true, cause })
          await sleep(wait)
        }
      }
    } catch (error) {
      this.#token = undefined
      throw error
    }
  }
}

/** One attempt at one member. */
export function once<Q, A>(
  { client }: Endpoint,
  method: Method<Q, A>,
  request: Q,
  metadata: Metadata,
  milliseconds: number,
): Promise<A> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.encode,
      method.decode,
      request,
      metadata,
      { deadline: deadlineIn(milliseconds) },
      (error: ServiceError | null, answer?: A) => {
        if (error) reject(fromGrpc(error))
        else resolve(answer as A)
      },
    )
  })
}
