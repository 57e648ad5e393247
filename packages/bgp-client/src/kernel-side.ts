/**
 * The kernel side of a node: the driver that was asked for, the programmer that keeps it true, and what it reports.
 */

import { networkInterfaces } from 'node:os'
import type { HostEvent } from '@starling/api'
import { formatAddress, parseAddress, splitZone } from '@starling/bgp-packet/address'
import { type KernelViews, now } from '@starling/daemon'
import type { Snapshot } from '@starling/datastore'
import { type ClusterState, LooseAddresses, type Plan, type PlanProblem } from '@starling/intent'
import {
  countStates,
  type FibDriver,
  type KernelLink,
  type ObservedRoute,
  type ProgrammerClock,
  RouteProgrammer,
  type TunnelDriver,
} from '@starling/route-programmer'
import { claimKernel, type KernelClaim } from './kernel-claim.js'
import { KernelReports } from './kernel-reports.js'
import { KernelTunnels } from './kernel-tunnels.js'
import { kernelViews } from './kernel-views.js'
import { memoryFib } from './memory-fib.js'
import type { NodeOptions } from './options.js'

export interface KernelListener {
  /** `device`: where packets to it leave. */
  nextHopChanged(address: string, reachable: boolean, metric: number, device?: string): void
  observed(routes: readonly ObservedRoute[]): void
  event(event: HostEvent): void
  /** Everything asked for is written or waits for something. */
  rested(): void
}

/** Connected prefixes of these are never taken (calico.md 2.10). */
const NEVER_OBSERVED = ['kube-ipvs*']
/** Unclaimed routes of a former life go so long after BGP began, even if peers never answered. */
const DELETE_DEADLINE_MS = 300_000

const clock: ProgrammerClock = {
  now,
  at(time, callback) {
    const timer = setTimeout(callback, Math.max(0, time - now()))
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** What routes, and where the place has devices, tunnels go to. */
export interface Fib {
  readonly routes: FibDriver
  readonly tunnels?: TunnelDriver
  /** Held while we write the kernel's tables. */
  readonly claim?: KernelClaim
}

/** Who asks, for the one who is there already. */
export interface FibUser {
  readonly name: string
  warn(text: string): void
}

/** Each driver is loaded only when asked for. Throws with words when this process may not write routes. */
export async function openFib(fib: NodeOptions['fib'], { name, warn }: FibUser): Promise<Fib> {
  if (fib === 'memory') return { routes: memoryFib() }
  if (fib === 'netlink') {
    const { NetlinkDriver, NetlinkTunnelDriver, WorkerNetlinkDriver } = await import(
      '@starling/route-programmer/netlink'
    )
    const { capabilities } = await import('@starling/sys')
    if (!capabilities().netAdmin) {
      throw new Error(
        'writing kernel routes needs CAP_NET_ADMIN: run as root, grant it, choose --fib remote:PATH of a starling programmer, or --fib memory',
      )
    }
    const claim = await claimKernel({ node: name, warn })
    // The kernel may take tens of milliseconds for a send: nobody waits for it in this thread.
    const routes = WorkerNetlinkDriver.available ? new WorkerNetlinkDriver() : new NetlinkDriver()
    return { routes, tunnels: new NetlinkTunnelDriver(), claim }
  }
  const { RemoteDriver } = await import('@starling/route-programmer/remote')
  // The programmer holds the claim for us: it is the one that may write, and that others believe.
  const routes = new RemoteDriver(fib.remote, name)
  await routes.claim()
  return { routes, tunnels: routes.tunnels }
}

export class KernelSide {
  readonly programmer: RouteProgrammer
  readonly views: KernelViews
  readonly #tunnels: KernelTunnels | undefined
  /** Only where VXLAN is ours: no other plan looks into blocks. */
  readonly #loose: LooseAddresses | undefined
  readonly #claim: KernelClaim | undefined
  readonly #reports: KernelReports
  readonly #listener: KernelListener
  #lastSync = 0
  #reads = 0
  #read: () => void = () => {}
  readonly #firstRead = new Promise<void>((resolve) => {
    this.#read = resolve
  })

  constructor(fib: Fib, options: { readonly vxlan: boolean }, listener: KernelListener) {
    this.#listener = listener
    this.#claim = fib.claim
    this.#loose = options.vxlan ? new LooseAddresses() : undefined
    this.#reports = new KernelReports({ now, event: listener.event })
    this.programmer = new RouteProgrammer(
      fib.routes,
      clock,
      {
        ignoredInterfaces: NEVER_OBSERVED,
        // Not before the first plan: see `begun`.
        deleteDeadline: Number.POSITIVE_INFINITY,
        seed: Math.floor(Math.random() * 2 ** 32),
      },
      {
        nextHopChanged: (gateway, { reachable, metric, ifindex }, device) => {
          const zone = device === undefined ? '' : `%${device}`
          listener.nextHopChanged(`${formatAddress(gateway)}${zone}`, reachable, metric, this.#nameOf(ifindex))
        },
        observed: (routes) => listener.observed(routes),
        conflict: this.#reports.conflict,
        failed: this.#reports.failed,
        repaired: this.#reports.repaired,
        driverFailed: this.#reports.driverFailed,
        deviceChanged: (name) => this.#tunnels?.touched(name),
        idle: () => this.#idle(),
      },
    )
    this.views = kernelViews({ programmer: this.programmer, lastSync: () => this.#lastSync })
    if (fib.tunnels !== undefined) {
      this.#tunnels = new KernelTunnels({
        driver: fib.tunnels,
        clock,
        vxlan: options.vxlan,
        routes: this.programmer,
        parent: (address) => this.#interfaceWith(address),
        event: listener.event,
      })
    }
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
    const [text, device] = splitZone(address)
    const gateway = parseAddress(text)
    if (gateway === undefined) return
    const { reachable, metric, ifindex } = this.programmer.reconciler.trackNextHop(gateway, device)
    // Not from inside the engine's own call.
    queueMicrotask(() => this.#listener.nextHopChanged(address, reachable, metric, this.#nameOf(ifindex)))
  }

  #nameOf(ifindex: number): string | undefined {
    return this.programmer.reconciler.links.get(ifindex)?.name
  }

  untrack(address: string): void {
    const [text, device] = splitZone(address)
    const gateway = parseAddress(text)
    if (gateway !== undefined) this.programmer.reconciler.untrackNextHop(gateway, device)
  }

  /**
   * BGP begins with the first plan: unclaimed routes of ours have as long as peers may take to claim them. Before, while
   * the datastore is out of reach or another process has the BGP port, nobody can know what is wanted.
   */
  begun(): void {
    if (this.adopted === 0) this.programmer.allowDeletes()
    else this.programmer.allowDeletesWithin(DELETE_DEADLINE_MS)
  }

  /** Each new snapshot, before its plan. */
  followed(snapshot: Snapshot, changed: Iterable<string>): void {
    this.#loose?.update(snapshot, changed)
  }

  /** The tunnels of a new plan; answers what is missing for them. */
  planned(state: ClusterState, plan: Plan): readonly PlanProblem[] {
    return this.#tunnels?.planned(state, plan, this.#loose?.all) ?? []
  }

  async stop(): Promise<void> {
    await this.#tunnels?.stop()
    await this.programmer.stop()
    await this.#claim?.release()
  }

  #interfaceWith(address: string): KernelLink | undefined {
    for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
      if (!addresses.some((each) => each.address === address)) continue
      for (const link of this.programmer.reconciler.links.values()) if (link.name === name) return link
    }
    return undefined
  }

  #idle(): void {
    const { reads } = this.programmer.reconciler.counters
    if (reads !== this.#reads) this.#lastSync = now()
    this.#reads = reads
    this.#listener.rested()
    this.#reports.rested(this.programmer.reconciler.counters.gaps)
    if (this.ready) this.#read()
  }
}
