/**
 * The kernel side of a node: the driver that was asked for, the programmer that keeps it true, and what it reports.
 */
import type { HostEvent } from '@starling/api'
import { formatAddress, parseAddress } from '@starling/bgp-packet/address'
import { type KernelViews, now } from '@starling/daemon'
import {
  countStates,
  type Destination,
  type FibDriver,
  type ObservedRoute,
  type ProgrammerClock,
  RouteProgrammer,
} from '@starling/route-programmer'
import { kernelViews } from './kernel-views.js'
import { memoryFib } from './memory-fib.js'
import type { NodeOptions } from './options.js'

export interface KernelListener {
  nextHopChanged(address: string, reachable: boolean, metric: number): void
  observed(routes: readonly ObservedRoute[]): void
  event(event: HostEvent): void
}

/** Connected prefixes of these are never taken (calico.md 2.10). */
const NEVER_OBSERVED = ['kube-ipvs*']
/** Unclaimed routes of a former life go after this even if peers never answered. */
const DELETE_DEADLINE_MS = 300_000

const clock: ProgrammerClock = {
  now,
  at(time, callback) {
    const timer = setTimeout(callback, Math.max(0, time - now()))
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** Each driver is loaded only when asked for. Throws with words when this process may not write routes. */
export async function openFib(fib: NodeOptions['fib']): Promise<FibDriver> {
  if (fib === 'memory') return memoryFib()
  if (fib === 'netlink') {
    const { NetlinkDriver } = await import('@starling/route-programmer/netlink')
    const { capabilities } = await import('@starling/sys')
    if (!capabilities().netAdmin) {
      throw new Error('writing kernel routes needs CAP_NET_ADMIN: run as root, grant it, or choose --fib memory')
    }
    return new NetlinkDriver()
  }
  const { RemoteDriver } = await import('@starling/route-programmer/remote')
  return new RemoteDriver(fib.remote)
}

export class KernelSide {
  readonly programmer: RouteProgrammer
  readonly views: KernelViews
  readonly #listener: KernelListener
  #lastSync = 0
  #read: () => void = () => {}
  readonly #firstRead = new Promise<void>((resolve) => {
    this.#read = resolve
  })

  constructor(driver: FibDriver, listener: KernelListener) {
    this.#listener = listener
    this.programmer = new RouteProgrammer(
      driver,
      clock,
      {
        ignoredInterfaces: NEVER_OBSERVED,
        deleteDeadline: DELETE_DEADLINE_MS,
        seed: Math.floor(Math.random() * 2 ** 32),
      },
      {
        nextHopChanged: (gateway, { reachable, metric }) =>
          listener.nextHopChanged(formatAddress(gateway), reachable, metric),
        observed: (routes) => listener.observed(routes),
        conflict: ({ destination, text }) => this.#error(destination, text),
        failed: (destination, text) => this.#error(destination, text),
        driverFailed: (reason) => listener.event({ type: 'kernel-resync', reason }),
        idle: () => this.#idle(),
      },
    )
    this.views = kernelViews({ programmer: this.programmer, lastSync: () => this.#lastSync })
  }

  /** Resolves once the kernel's table was read: from then on `adopted` is known. */
  async start(): Promise<void> {
    this.programmer.start()
    await this.#firstRead
  }

  get ready(): boolean {
    return this.programmer.reconciler.counters.reads > 0
  }

  /** Routes of ours from a former life. */
  get adopted(): number {
    return countStates(this.programmer.reconciler).held
  }

  /** Answers at once with what is known, and later with each change. */
  track(address: string): void {
    const gateway = parseAddress(address)
    if (gateway === undefined) return
    const { reachable, metric } = this.programmer.reconciler.trackNextHop(gateway)
    // Not from inside the engine's own call.
    queueMicrotask(() => this.#listener.nextHopChanged(address, reachable, metric))
  }

  untrack(address: string): void {
    const gateway = parseAddress(address)
    if (gateway !== undefined) this.programmer.reconciler.untrackNextHop(gateway)
  }

  stop(): Promise<void> {
    return this.programmer.stop()
  }

  #idle(): void {
    this.#lastSync = now()
    if (this.ready) this.#read()
  }

  #error({ address, length }: Destination, text: string): void {
    this.#listener.event({
      type: 'kernel-error',
      prefix: `${formatAddress(address)}/${length}`,
      errno: 0,
      name: '',
      text,
    })
  }
}
