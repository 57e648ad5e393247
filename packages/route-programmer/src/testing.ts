/**
 * A simulated host for tests of this package: a clock that jumps to the next deadline, a memory kernel with two
 * interfaces, and a programmer on top. No test sleeps.
 */

import { MemoryDriver, MemoryKernel } from './memory/memory-driver.js'
import { type ProgrammerClock, type ProgrammerListener, type ProgrammerOptions, RouteProgrammer } from './programmer.js'
import { hex } from './reconciler/way.js'
import type { DesiredRoute, KernelLink, KernelRoute } from './routes.js'

export class SimClock implements ProgrammerClock {
  time = 1_000_000
  private timers: { time: number; callback: () => void }[] = []

  now(): number {
    return this.time
  }

  at(time: number, callback: () => void): () => void {
    const timer = { time, callback }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  turn(): Promise<void> {
    return Promise.resolve()
  }

  /** Fires what is due within `span`, in order, letting `settle` finish each round. */
  async advance(span: number, settle: () => Promise<void>): Promise<void> {
    const end = this.time + span
    await settle()
    for (let rounds = 0; ; rounds++) {
      if (rounds > 20_000) throw new Error('the programmer never comes to rest')
      const next = this.timers.filter((timer) => timer.time <= end).sort((a, b) => a.time - b.time)[0]
      if (next === undefined) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.time = Math.max(this.time, next.time)
      next.callback()
      await settle()
    }
    this.time = end
  }
}

export const ip = (text: string) => Uint8Array.from(text.split('.').map(Number))

export function link(index: number, name: string, change: Partial<KernelLink> = {}): KernelLink {
  return { index, name, up: true, running: true, mtu: 1500, kind: '', ...change }
}

/** `10.1.0.0/24` via gateways, wanted. */
export function wanted(prefix: string, gateways: readonly string[], change: Partial<DesiredRoute> = {}): DesiredRoute {
  const [address = '', length] = prefix.split('/')
  return {
    destination: { family: 4, address: ip(address), length: Number(length) },
    kind: gateways.length === 0 ? 'blackhole' : 'unicast',
    nextHops: gateways.map((gateway) => ({ gateway: ip(gateway) })),
    why: 'test',
    ...change,
  }
}

/** The same as a foreign kernel route. */
export function foreign(
  prefix: string,
  gateway: string,
  ifindex: number,
  change: Partial<KernelRoute> = {},
): KernelRoute {
  const [address = '', length] = prefix.split('/')
  return {
    destination: { family: 4, address: ip(address), length: Number(length) },
    kind: 'unicast',
    table: 254,
    metric: 0,
    protocol: 4,
    scope: 0,
    nextHops: [{ gateway: ip(gateway), ifindex, onlink: false, weight: 1 }],
    ...change,
  }
}

/** eth0 (index 2) with 192.0.2.1/24, eth1 (index 3) with 198.51.100.1/24. */
export class SimHost {
  readonly clock = new SimClock()
  readonly kernel: MemoryKernel
  driver: MemoryDriver
  programmer: RouteProgrammer

  constructor(options: ProgrammerOptions = {}, listener: ProgrammerListener = {}, kernel?: MemoryKernel) {
    this.kernel = kernel ?? SimHost.makeKernel()
    this.driver = new MemoryDriver(this.kernel)
    this.programmer = new RouteProgrammer(this.driver, this.clock, options, listener)
  }

  static makeKernel(): MemoryKernel {
    const kernel = new MemoryKernel()
    kernel.setLink(link(2, 'eth0'))
    kernel.setLink(link(3, 'eth1'))
    kernel.addAddress({ ifindex: 2, family: 4, address: ip('192.0.2.1'), length: 24, scope: 0 })
    kernel.addAddress({ ifindex: 3, family: 4, address: ip('198.51.100.1'), length: 24, scope: 0 })
    return kernel
  }

  async start(): Promise<this> {
    this.programmer.start()
    await this.run(0)
    return this
  }

  async run(span: number): Promise<void> {
    await this.clock.advance(span, async () => {
      // A round may be followed by another that an event of it asked for.
      for (let i = 0; i < 50; i++) {
        await this.programmer.settled()
        await Promise.resolve()
      }
    })
  }

  /** Our routes as text, sorted: `10.1.0.0/24 via 192.0.2.9%2`. */
  ours(): string[] {
    const text = (route: KernelRoute) => {
      const hops = route.nextHops.map(
        (hop) => `${hop.gateway === undefined ? 'link' : hop.gateway.join('.')}%${hop.ifindex}`,
      )
      const way = route.kind === 'unicast' ? `via ${hops.sort().join(' ')}` : route.kind
      return `${route.destination.address.join('.')}/${route.destination.length} ${way}`
    }
    return this.kernel
      .allRoutes()
      .filter((route) => route.protocol === 12)
      .map(text)
      .sort()
  }

  /** Keys held by others, for comparisons at the end of a storm. */
  foreignKeys(): Set<string> {
    const others = this.kernel.allRoutes().filter((route) => route.protocol !== 12)
    return new Set(others.map(({ destination }) => `${hex(destination.address)}/${destination.length}`))
  }
}
