/**
 * Best routes out of the engine, through the kernel rules, into the route programmer.
 *
 * The engine says what is best; `intent.kernelRoute` says whether and how the kernel gets it (calico.md 2.12); the
 * programmer makes it so. The bridge keeps one small record per best route, because a change of the rules (a pool's
 * encapsulation, `programClusterRoutes`, a service range) must be applied to routes whose best path did not change.
 * Cost: about 300 bytes per route of this node's table, which holds blocks, not pods.
 *
 * Additions come before removals when a route's key in the kernel (its metric) changes, so that no packet falls between.
 */
import type { InstallView } from '@starling/engine'
import { type KernelRules, kernelRoute } from '@starling/intent'
import type { DesiredRoute, RouteProgrammer } from '@starling/route-programmer'
import { destinationKey } from './destination-key.js'

interface Held {
  readonly view: InstallView
  /** What the programmer was last told for it. */
  desired: DesiredRoute | undefined
}

type Programmer = Pick<RouteProgrammer, 'set' | 'remove'>

export class KernelBridge {
  readonly #programmer: Programmer
  readonly #held = new Map<string, Held>()
  #rules: KernelRules | undefined

  constructor(programmer: Programmer) {
    this.#programmer = programmer
  }

  /** The engine's sink: `view` is reused by the caller and copied here. */
  install(view: InstallView): void {
    const key = destinationKey(view.address, view.length)
    const copy: InstallView = {
      ...view,
      address: view.address.slice(),
      nextHops: view.nextHops.map((hop) => ({ ...hop, address: hop.address.slice() })),
    }
    const held: Held = { view: copy, desired: this.#held.get(key)?.desired }
    this.#held.set(key, held)
    this.#apply(held)
  }

  remove(address: Uint8Array, length: number): void {
    const key = destinationKey(address, length)
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    if (held.desired !== undefined) this.#programmer.remove(held.desired)
  }

  /** Rules of a new plan; only routes whose outcome differs reach the programmer. */
  setRules(rules: KernelRules): void {
    this.#rules = rules
    for (const held of this.#held.values()) this.#apply(held)
  }

  #apply(held: Held): void {
    if (this.#rules === undefined) return
    const outcome = kernelRoute(this.#rules, held.view)
    const before = held.desired
    if ('reject' in outcome) {
      held.desired = undefined
      if (before !== undefined) this.#programmer.remove(before)
      return
    }
    held.desired = outcome.route
    this.#programmer.set(outcome.route)
    if (before !== undefined && !sameKey(before, outcome.route)) this.#programmer.remove(before)
  }
}

function sameKey(a: DesiredRoute, b: DesiredRoute): boolean {
  return a.metric === b.metric && a.table === b.table
}
