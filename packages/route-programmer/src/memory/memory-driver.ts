/**
 * The in-memory FIB: a driver like any other, for hosts without NET_ADMIN, for the lab and for tests. Faults can be
 * injected: an errno for chosen writes, delay, lost events, a broken connection, and foreign writers through the kernel.
 */

import type { FibDriver, KernelEvent, KernelState, RouteSlices, RouteWrite, WriteOutcome } from '../driver.js'
import { MemoryKernel } from './memory-kernel.js'

export { MemoryKernel } from './memory-kernel.js'

export interface MemoryFaults {
  /** An outcome instead of the write, or undefined to let it through. */
  refuse?: ((write: RouteWrite) => WriteOutcome | undefined) | undefined
  /** Awaited before each read and write: delay, or a rejection to break the driver. */
  before?: ((what: 'read' | 'write') => Promise<void>) | undefined
  /** True swallows these events and reports a gap instead. */
  loseEvents?: ((events: readonly KernelEvent[]) => boolean) | undefined
}

const READ_SLICE = 1024

export class MemoryDriver implements FibDriver {
  readonly description = 'in-memory FIB'
  readonly kernel: MemoryKernel
  readonly faults: MemoryFaults
  /** Writes asked for, refused ones included: a test's measure of fights and loops. */
  writes = 0
  private unsubscribe: (() => void)[] = []

  constructor(kernel: MemoryKernel = new MemoryKernel(), faults: MemoryFaults = {}) {
    this.kernel = kernel
    this.faults = faults
  }

  async read(onRoutes?: RouteSlices): Promise<KernelState> {
    await this.faults.before?.('read')
    const state = this.kernel.state()
    if (onRoutes === undefined) return state
    for (let i = 0; i < state.routes.length; i += READ_SLICE)
      onRoutes(state.routes.slice(i, i + READ_SLICE), state.links)
    return { ...state, routes: [] }
  }

  async write(writes: readonly RouteWrite[]): Promise<readonly WriteOutcome[]> {
    await this.faults.before?.('write')
    this.writes += writes.length
    return writes.map((write) => this.faults.refuse?.(write) ?? this.kernel.write(this, write))
  }

  subscribe(listener: (events: readonly KernelEvent[]) => void): void {
    const stop = this.kernel.subscribe(this, (events) => {
      if (this.faults.loseEvents?.(events) === true) listener([{ type: 'gap', reason: 'events lost' }])
      else listener(events)
    })
    this.unsubscribe.push(stop)
  }

  async close(): Promise<void> {
    for (const stop of this.unsubscribe) stop()
    this.unsubscribe = []
  }
}
