/**
 * A lease: keys written with it vanish when its holder does. Renewed by our own timer at a third of its time to live,
 * each renewal an ordinary call with a deadline that may go to any member. It is lost when etcd says so, and also when a
 * whole time to live has passed since the last renewal was asked for and granted: nobody else's clock decides that.
 */
import { after, deadlineIn, now } from './clock.js'
import type { Endpoint } from './endpoints.js'
import { EtcdError, fromGrpc } from './errors.js'
import { type LeaseResponse, methods } from './messages.js'
import type { Rpc } from './rpc.js'

export class Lease {
  readonly id: string
  readonly ttlSeconds: number
  readonly #rpc: Rpc
  readonly #lost: (reason: string) => void
  #renewed: number
  #cancel = () => {}
  #over = false

  constructor(rpc: Rpc, id: string, ttlSeconds: number, lost: (reason: string) => void) {
    this.id = id
    this.ttlSeconds = ttlSeconds
    this.#rpc = rpc
    this.#lost = lost
    this.#renewed = now()
    this.#schedule((ttlSeconds * 1000) / 3)
  }

  /** Stops renewing; the keys live on until the lease runs out. */
  release(): void {
    this.#over = true
    this.#cancel()
  }

  /** Ends the lease now, and its keys with it. */
  async revoke(): Promise<void> {
    this.release()
    await this.#rpc.call(methods.leaseRevoke, { id: this.id }, { idempotent: true })
  }

  #schedule(wait: number): void {
    this.#cancel = after(wait, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const asked = now()
    const ttl = this.ttlSeconds * 1000
    const member = this.#rpc.closed ? undefined : this.#rpc.endpoints.current()
    try {
      if (member === undefined) throw new EtcdError('closed', 'the etcd client is closed')
      const budget = Math.min(this.#rpc.options.attemptMs, Math.max(ttl / 3, 500))
      const answer = await this.#once(member, budget)
      if (this.#over) return
      if (answer.ttl <= 0) {
        this.#end('etcd does not know the lease any more')
        return
      }
      this.#renewed = asked
      this.#schedule(ttl / 3)
    } catch (cause) {
      if (this.#over) return
      const error = fromGrpc(cause)
      if (error.code === 'unauthenticated') this.#rpc.staleToken()
      else if (member) this.#rpc.failed(member)
      if (error.code === 'closed' || now() - this.#renewed >= ttl) this.#end(error.message)
      else this.#schedule(Math.min(ttl / 10, 500))
    }
  }

  async #once({ client }: Endpoint, milliseconds: number): Promise<LeaseResponse> {
    const metadata = await this.#rpc.metadata()
    const { path, encode, decode } = methods.leaseKeepAlive
    return new Promise((resolve, reject) => {
      const options = { deadline: deadlineIn(milliseconds) }
      const stream = client.makeBidiStreamRequest(path, encode, decode, metadata, options)
      stream.on('data', (answer: LeaseResponse) => {
        resolve(answer)
        stream.cancel()
      })
      stream.on('error', reject)
      stream.on('end', () => reject(new EtcdError('unavailable', 'etcd ended the stream')))
      stream.write({ id: this.id })
    })
  }

  #end(reason: string): void {
    this.release()
    this.#lost(reason)
  }
}
