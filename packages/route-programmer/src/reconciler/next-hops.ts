/**
 * Next hops the decision process asked about: each is resolved again whenever the kernel's routes or links change, and
 * only a changed answer is told.
 */

import type { Resolver } from './resolver.js'
import type { NextHopState } from './types.js'
import { hex } from './way.js'

interface Tracked {
  readonly gateway: Uint8Array
  readonly device: string | undefined
  state: NextHopState
}

export class NextHops {
  private readonly tracked = new Map<string, Tracked>()
  private readonly resolver: Resolver

  constructor(resolver: Resolver) {
    this.resolver = resolver
  }

  get size(): number {
    return this.tracked.size
  }

  /** Starts watching and answers at once. A link-local next hop needs its interface. */
  track(gateway: Uint8Array, device?: string): NextHopState {
    const key = keyOf(gateway, device)
    const known = this.tracked.get(key)
    if (known !== undefined) return known.state
    const own = gateway.slice()
    const state = this.evaluate(own, device)
    this.tracked.set(key, { gateway: own, device, state })
    return state
  }

  untrack(gateway: Uint8Array, device?: string): void {
    this.tracked.delete(keyOf(gateway, device))
  }

  /** Evaluates all; calls back for those whose answer differs from the last one. */
  refresh(changed: (gateway: Uint8Array, state: NextHopState, device: string | undefined) => void): void {
    for (const entry of this.tracked.values()) {
      const state = this.evaluate(entry.gateway, entry.device)
      const old = entry.state
      const same =
        old.reachable === state.reachable &&
        old.metric === state.metric &&
        old.ifindex === state.ifindex &&
        old.reason === state.reason
      if (same) continue
      entry.state = state
      changed(entry.gateway, state, entry.device)
    }
  }

  private evaluate(gateway: Uint8Array, device: string | undefined): NextHopState {
    const resolution = this.resolver.resolve({ gateway, ...(device !== undefined && { device }) })
    const first = resolution.hops[0]
    return {
      reachable: first !== undefined,
      metric: resolution.metric,
      ifindex: first?.ifindex ?? 0,
      reason: first === undefined ? resolution.reason : '',
    }
  }
}

function keyOf(gateway: Uint8Array, device: string | undefined): string {
  return `${hex(gateway)}%${device ?? ''}`
}
