/**
 * The driver contract: the only thing between the reconciler and a kernel.
 *
 * A driver reads and writes. It never retries, decides or remembers; `./compliance` holds the suite that the memory,
 * netlink and remote drivers pass.
 */
import type { KernelAddress, KernelLink, KernelRoute } from './routes.js'

/** A route with every next hop resolved to an interface: what can be written as it is. */
export type WritableRoute = KernelRoute

/**
 * `add` is refused with EEXIST where any route holds the key: nothing that is not known to be ours is ever overwritten.
 * `replace` swaps atomically. `delete` removes only a route of protocol 12; ESRCH says there was none.
 */
export type RouteWrite =
  | { readonly op: 'add'; readonly route: WritableRoute }
  | { readonly op: 'replace'; readonly route: WritableRoute }
  | { readonly op: 'delete'; readonly route: WritableRoute }

/** 0 is success; otherwise errno and the kernel's own words where it gives some (`NETLINK_EXT_ACK`). */
export interface WriteOutcome {
  readonly errno: number
  readonly name?: string
  readonly text?: string
}

export interface KernelState {
  readonly links: readonly KernelLink[]
  readonly addresses: readonly KernelAddress[]
  readonly routes: readonly KernelRoute[]
}

/**
 * Where a new route stands among those of its key, as the kernel says it: nobody else is there, in the place of the
 * first, before all or behind all (`ip route add`, `replace`, `prepend`, `append`).
 */
export type Placing = 'alone' | 'instead' | 'first' | 'last'

export type KernelEvent =
  /** `placing` absent: `instead`. */
  | { readonly type: 'route'; readonly removed: boolean; readonly route: KernelRoute; readonly placing?: Placing }
  | { readonly type: 'link'; readonly removed: boolean; readonly link: KernelLink }
  | { readonly type: 'address'; readonly removed: boolean; readonly address: KernelAddress }
  /** A nexthop object changed or went: routes through it did the same, perhaps without a word. */
  | { readonly type: 'nexthop'; readonly id: number }
  /** Events were lost (ENOBUFS, a broken socket): only a new {@link FibDriver.read} tells the truth. */
  | { readonly type: 'gap'; readonly reason: string }

/** `links`: all there are, where the driver knows them before the routes. */
export type RouteSlices = (routes: readonly KernelRoute[], links?: readonly KernelLink[]) => void

export interface FibDriver {
  readonly description: string
  /** With `onRoutes` the routes come in slices while the event loop keeps turning, and `routes` of the result is empty. */
  read(onRoutes?: RouteSlices): Promise<KernelState>
  /**
   * Outcome i belongs to write i; a failure does not stop those behind it. May be called again before the first call has
   * answered: the answers come in the order of the calls.
   */
  write(writes: readonly RouteWrite[]): Promise<readonly WriteOutcome[]>
  /**
   * Events from before the first `read()` on, in the kernel's order. Own writes do not come back: their outcome is the
   * truth, and a late echo of an older write would look like another program's doing.
   */
  subscribe(listener: (events: readonly KernelEvent[]) => void): void
  close(): Promise<void>
}
