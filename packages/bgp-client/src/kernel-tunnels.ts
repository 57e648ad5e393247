/**
 * Tunnels of this node: the plan's wishes, completed with what only the host knows (which interface has the node's
 * address, how large its packets are), for the tunnel programmer; and the routes that come with VXLAN.
 *
 * A wish whose interface is not there waits; the next look, every ten seconds, after each plan and after a change of a
 * device concerned, finds it. Another program that changes a tunnel is answered once a second, not more often.
 */
import type { HostEvent } from '@starling/api'
import { formatAddress } from '@starling/bgp-packet/address'
import {
  type ClusterState,
  type LooseAddress,
  type Plan,
  type PlannedTunnel,
  type PlannedTunnelRoute,
  type PlanProblem,
  type TunnelPlan,
  tunnelPlan,
} from '@starling/intent'
import {
  type DesiredRoute,
  type DesiredTunnel,
  type KernelLink,
  type ProgrammerClock,
  type TunnelDriver,
  TunnelProgrammer,
  tunnelMtu,
} from '@starling/route-programmer'

const LOOK_MS = 10_000
const HINT_MS = 1000

type Routes = { set(route: DesiredRoute): void; remove(key: DesiredRoute): void }

export interface KernelTunnelsOptions {
  readonly driver: TunnelDriver
  readonly clock: ProgrammerClock
  readonly vxlan: boolean
  readonly routes: Routes
  /** The interface that has this address now. */
  parent(address: string): Pick<KernelLink, 'name' | 'mtu'> | undefined
  event(event: HostEvent): void
}

export class KernelTunnels {
  readonly #options: KernelTunnelsOptions
  readonly #programmer: TunnelProgrammer
  #plan: TunnelPlan | undefined
  #local: { ipv4?: string; ipv6?: string } = {}
  #seen = ''
  /** Tunnel devices and the interfaces below them. */
  #concerned = new Set<string>()
  #hintedAt = Number.NEGATIVE_INFINITY
  #cancelHint: (() => void) | undefined
  readonly #routes = new Map<string, DesiredRoute>()
  #cancel: (() => void) | undefined

  constructor(options: KernelTunnelsOptions) {
    this.#options = options
    this.#programmer = new TunnelProgrammer(
      options.driver,
      options.clock,
      { ownedNames: [] },
      { failed: (device, text) => options.event({ type: 'kernel-tunnel', device: device || 'tunnels', text }) },
    )
  }

  planned(state: ClusterState, plan: Plan, loose: readonly LooseAddress[] = []): readonly PlanProblem[] {
    this.#plan = tunnelPlan(state, plan, { vxlan: this.#options.vxlan, loose })
    const { ipv4, ipv6 } = plan.identity
    this.#local = {
      ...(ipv4 === undefined ? {} : { ipv4: ipv4.address }),
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.address }),
    }
    this.#look()
    return this.#plan.problems
  }

  /** A link or an address of this device changed. */
  touched(device: string): void {
    if (this.#plan === undefined || this.#cancelHint !== undefined || !this.#concerned.has(device)) return
    const { clock } = this.#options
    this.#cancelHint = clock.at(Math.max(clock.now(), this.#hintedAt + HINT_MS), () => {
      this.#cancelHint = undefined
      this.#hintedAt = clock.now()
      this.#look()
      this.#programmer.hint()
    })
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancelHint?.()
    await this.#programmer.stop()
  }

  #look(): void {
    const { clock } = this.#options
    this.#cancel?.()
    if (this.#plan === undefined || this.#plan.owned.length === 0) {
      if (this.#seen !== '') this.#apply([], [], [])
      return
    }
    const { tunnels, routes, owned } = this.#plan
    const missing: string[] = []
    this.#concerned = new Set(owned)
    const desired = tunnels.flatMap((tunnel) => this.#complete(tunnel, missing))
    // A device that waits for its interface is not cleared meanwhile.
    const clear = owned.filter((name) => !missing.includes(name))
    this.#apply(
      desired,
      routes.flatMap((route) => this.#placed(route)),
      clear,
    )
    this.#cancel = clock.at(clock.now() + LOOK_MS, () => this.#look())
  }

  #complete(tunnel: PlannedTunnel, missing: string[]): DesiredTunnel[] {
    const { device: name, encapsulation, address, vxlan } = tunnel
    const local = encapsulation === 'vxlan-v6' ? this.#local.ipv6 : this.#local.ipv4
    const parent = local === undefined ? undefined : this.#options.parent(local)
    if (parent !== undefined) this.#concerned.add(parent.name)
    if (parent === undefined && (vxlan !== undefined || tunnel.mtu === undefined)) {
      missing.push(name)
      return []
    }
    const mtu = tunnel.mtu ?? tunnelMtu(parent?.mtu ?? 0, encapsulation)
    return [
      {
        name,
        kind: vxlan === undefined ? 'ipip' : 'vxlan',
        mtu,
        ...(tunnel.mtu === undefined ? { mtuIsLimit: true } : {}),
        ...(address === undefined ? {} : { address: { bytes: address, length: address.length * 8 } }),
        ...(vxlan === undefined || parent === undefined
          ? {}
          : {
              mac: vxlan.mac,
              remotes: vxlan.remotes,
              vxlan: { id: vxlan.id, port: vxlan.port, parent: parent.name, local: vxlan.local },
            }),
      },
    ]
  }

  #placed({ parent: family, ...route }: PlannedTunnelRoute): DesiredRoute[] {
    if (family === undefined) return [route]
    const local = this.#local[family]
    const parent = local === undefined ? undefined : this.#options.parent(local)
    if (parent === undefined) return []
    return [{ ...route, nextHops: route.nextHops.map((hop) => ({ ...hop, device: parent.name })) }]
  }

  /** Additions before removals; nothing where nothing differs. */
  #apply(desired: readonly DesiredTunnel[], routes: readonly DesiredRoute[], owned: readonly string[]): void {
    const next = new Map(routes.map((route) => [prefixOf(route), route]))
    for (const route of next.values()) this.#options.routes.set(route)
    for (const [key, route] of this.#routes) if (!next.has(key)) this.#options.routes.remove(route)
    this.#routes.clear()
    for (const [key, route] of next) this.#routes.set(key, route)
    const text = JSON.stringify([desired, owned])
    if (text !== this.#seen) this.#programmer.set(desired, owned)
    this.#seen = text
  }
}

const prefixOf = ({ destination: { address, length } }: DesiredRoute): string => `${formatAddress(address)}/${length}`
