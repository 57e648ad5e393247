/**
 * The BFD worker thread: sockets and clock around the session pool, so that 3 x 100 ms hold while the main thread
 * decides a million routes. A bundle must have this file as an entry of its own, beside the main one (`host.ts`).
 *
 * A late wake-up of ours must not look like a dead peer: when a Detection Time has passed, the sockets are read once
 * more before anybody is declared down.
 */
import type { Socket } from 'node:dgram'
import { parentPort } from 'node:worker_threads'
import { now } from '../clock.js'
import { LatenessGauge } from './lateness.js'
import type { BfdTarget, FromWorker, ToWorker } from './messages.js'
import { SessionPool } from './pool.js'
import { familyOf, MULTIHOP_PORT, openReceiver, openSender, SINGLE_HOP_PORT } from './sockets.js'

const REPORT_INTERVAL = 1_000
const RETRY = 1_000
/** Later than this, more than one look at the sockets is needed. */
const LATE = 10
/** libuv reads 32 datagrams of a socket per turn. */
const PER_TURN = 32
const GOODBYE = 20

class BfdWorker {
  readonly #say: (message: FromWorker) => void
  readonly #pool: SessionPool
  readonly #lateness = new LatenessGauge()
  readonly #receivers = new Map<string, Socket>()
  readonly #senders = new Map<string, Socket>()
  readonly #retryAt = new Map<string, number>()
  #targets: readonly BfdTarget[] = []
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #judging = false
  #problem = ''

  constructor(say: (message: FromWorker) => void) {
    this.#say = say
    this.#pool = new SessionPool(
      {
        send: (target, bytes) => this.#send(target, bytes),
        changed: (from, session) => say({ type: 'changed', from, session }),
        closed: (target) => this.#closed(target),
      },
      Math.random,
      now(),
    )
    setInterval(() => this.#report(), REPORT_INTERVAL)
  }

  handle(message: ToWorker): void {
    if (message.type === 'stop') {
      this.#stop()
      return
    }
    this.#targets = message.targets
    this.#openReceivers()
    this.#pool.set(message.targets, now())
    this.#arm()
  }

  #stop(): void {
    this.#pool.set([], now())
    // Room for the farewell to leave; the process does not wait for a whole Detection Time.
    setTimeout(() => this.#say({ type: 'stopped' }), GOODBYE)
  }

  #report(): void {
    this.#openReceivers()
    const sessions = this.#pool.reports(now())
    this.#say({ type: 'report', sessions, lateness: this.#lateness.read(), strangers: this.#pool.strangers })
  }

  // --- time

  #arm(): void {
    const next = this.#pool.nextDeadline()
    if (next >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = next
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, next - now()))
  }

  #wake(): void {
    const at = now()
    const late = at - this.#timerAt
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#lateness.add(late)
    this.#pool.transmitDue(at)
    if (this.#pool.expiring && !this.#judging) {
      this.#judging = true
      this.#judgeAfter(late > LATE ? 1 + Math.ceil(this.#targets.length / PER_TURN) : 1)
    }
    this.#arm()
  }

  /** Each turn of the loop reads what has arrived meanwhile. */
  #judgeAfter(turns: number): void {
    setImmediate(() => {
      if (turns > 1) {
        this.#judgeAfter(turns - 1)
        return
      }
      this.#judging = false
      this.#pool.expire(now())
      this.#arm()
    })
  }

  // --- sockets

  #openReceivers(): void {
    for (const { remoteAddress, multihop } of this.#targets) {
      const family = familyOf(remoteAddress)
      const key = `${family} ${multihop}`
      if (this.#receivers.has(key) || (this.#retryAt.get(key) ?? 0) > now()) continue
      try {
        const socket = openReceiver(family, multihop)
        this.#receivers.set(key, socket)
        socket.on('message', (bytes, { address }) => {
          this.#pool.receive(bytes, address, multihop, now())
          this.#arm()
        })
        socket.on('error', (error) => this.#tell(`receiving BFD: ${error.message}`))
      } catch (error) {
        this.#retryAt.set(key, now() + RETRY)
        const port = multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT
        this.#tell(`UDP port ${port} (IPv${family}) cannot be opened: ${words(error)}`)
      }
    }
  }

  #tell(text: string): void {
    if (text !== this.#problem) this.#say({ type: 'problem', text })
    this.#problem = text
  }

  #send(target: BfdTarget, bytes: Uint8Array): void {
    const socket = this.#sender(target)
    socket?.send(bytes, target.multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT, target.remoteAddress, (error) =>
      this.#pool.problem(target.key, error === null ? '' : error.message),
    )
  }

  #sender(target: BfdTarget): Socket | undefined {
    const known = this.#senders.get(target.key)
    if (known !== undefined) return known
    if ((this.#retryAt.get(target.key) ?? 0) > now()) return undefined
    try {
      const socket = openSender(target, Math.random)
      // A device or address that went away: opened again when it is back.
      socket.on('error', () => this.#closed(target))
      this.#senders.set(target.key, socket)
      return socket
    } catch (error) {
      this.#retryAt.set(target.key, now() + RETRY)
      this.#pool.problem(target.key, words(error))
      return undefined
    }
  }

  #closed({ key }: BfdTarget): void {
    const known = this.#senders.get(key)
    this.#senders.delete(key)
    known?.close()
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const port = parentPort
if (port !== null) {
  const worker = new BfdWorker((message) => port.postMessage(message))
  port.on('message', (message: ToWorker) => worker.handle(message))
}
