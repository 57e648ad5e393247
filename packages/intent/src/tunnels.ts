/**
 * The tunnels one node should have (calico.md 4.2 to 4.4): `tunl0` where BGP programs IPIP pools, and, only where asked,
 * the VXLAN devices with an entry for every other node and a route for every block.
 *
 * Pure and whole, like the plan it stands beside. It knows no interface: which one carries the node's address and how
 * large its packets may be, the host adds. VXLAN routes come from block affinities, never from BGP: a cluster with VXLAN
 * has them even where no session is up. Programming VXLAN beside Felix would be a fight, so it is an option.
 */
import type { FamilyName } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { type Cidr, type IpPoolResource, type NodeResource, poolEncapsulation } from '@starling/resources'
import type { DesiredRoute, NextHop, RemoteVtep } from '@starling/route-programmer'
import { TUNNEL_DEVICE } from './kernel.js'
import type { LooseAddress } from './loose.js'
import type { NodeView } from './nodes.js'
import type { Plan } from './plan.js'
import { sha1 } from './sha1.js'
import { utf8 } from './sha256.js'
import type { ClusterState } from './state.js'
import type { PlanProblem } from './types.js'

const VXLAN_VNI = 4096
const VXLAN_PORT = 4789
/** First octet of every derived MAC: locally administered, unicast. */
const MAC_PREFIX = 0x66

const DEVICES = { ipv4: 'vxlan.calico', ipv6: 'vxlan-v6.calico' } as const

export interface PlannedTunnel {
  readonly device: string
  readonly encapsulation: 'ipip' | 'vxlan' | 'vxlan-v6'
  /** The only address kept on the device; absent while the Node resource names none. */
  readonly address?: Uint8Array
  /** As FelixConfiguration says; absent: what the host's interface leaves. */
  readonly mtu?: number
  readonly vxlan?: {
    readonly id: number
    readonly port: number
    readonly mac: Uint8Array
    /** The node's own address: the interface that has it is the parent. */
    readonly local: Uint8Array
    readonly remotes: readonly RemoteVtep[]
  }
}

/** `parent`: through the interface that has the node's address of that family, whatever it is called. */
export interface PlannedTunnelRoute extends DesiredRoute {
  readonly parent?: FamilyName
}

export interface TunnelPlan {
  readonly tunnels: readonly PlannedTunnel[]
  readonly routes: readonly PlannedTunnelRoute[]
  /** Devices that are ours to clear when no pool wants them; others are Felix's. */
  readonly owned: readonly string[]
  readonly problems: readonly PlanProblem[]
}

export interface TunnelOptions {
  /** Without Felix in the cluster: VXLAN is ours. */
  readonly vxlan: boolean
  /** Addresses in use away from their block's owner, for their own routes over VXLAN. */
  readonly loose?: readonly LooseAddress[]
}

export function tunnelPlan(state: ClusterState, plan: Plan, { vxlan, loose = [] }: TunnelOptions): TunnelPlan {
  const builder = new Builder(state, plan, loose)
  const owned: string[] = []
  if (plan.kernel.ownsIpip) {
    owned.push(TUNNEL_DEVICE)
    builder.ipip()
  }
  if (vxlan) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      owned.push(DEVICES[family])
      builder.vxlan(family)
    }
  }
  const { tunnels, routes, problems } = builder
  return { tunnels, routes, owned, problems }
}

/** calico.md 4.4. */
export function vtepMac(node: NodeResource, family: FamilyName): Uint8Array {
  const { vxlanTunnelMACAddr, vxlanTunnelMACAddrV6 } = node.spec
  const given = parseMac(family === 'ipv4' ? vxlanTunnelMACAddr : vxlanTunnelMACAddrV6)
  if (given !== undefined) return given
  const digest = sha1(utf8(family === 'ipv4' ? node.metadata.name : `${node.metadata.name}-v6`))
  return Uint8Array.of(MAC_PREFIX, ...digest.subarray(0, 5))
}

function parseMac(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text)) return undefined
  return Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16))
}

const hostBytes = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Prefix.parseOrHost(text)?.bytes

const destinationOf = ({ family, bytes, length }: Prefix): DesiredRoute['destination'] => ({
  family: family === 'ipv4' ? 4 : 6,
  address: bytes,
  length,
})

class Builder {
  readonly tunnels: PlannedTunnel[] = []
  readonly routes: PlannedTunnelRoute[] = []
  readonly problems: PlanProblem[] = []
  private readonly state: ClusterState
  private readonly plan: Plan
  private readonly loose: readonly LooseAddress[]
  private readonly own: NodeResource | undefined

  constructor(state: ClusterState, plan: Plan, loose: readonly LooseAddress[]) {
    this.state = state
    this.plan = plan
    this.loose = loose
    this.own = state.named('Node', plan.node)
  }

  ipip(): void {
    const { own, plan } = this
    if (own === undefined) return
    const wanted = plan.kernel.pools.some(({ action }) => action === 'tunnel' || action === 'tunnel-across-subnets')
    if (!wanted) return
    const address = hostBytes(own.spec.bgp?.ipv4IPIPTunnelAddr)
    if (address === undefined) this.lacks('spec.bgp.ipv4IPIPTunnelAddr', TUNNEL_DEVICE)
    this.tunnels.push({
      device: TUNNEL_DEVICE,
      encapsulation: 'ipip',
      ...(address === undefined ? {} : { address }),
      ...this.mtu('ipipMTU'),
    })
  }

  vxlan(family: FamilyName): void {
    const pools = this.state
      .all('IPPool')
      .filter(({ spec }) => spec.cidr.family === family && poolEncapsulation(spec) === 'vxlan')
    const cidr = this.plan.identity[family]
    const local = hostBytes(cidr?.address)
    if (this.own === undefined || pools.length === 0 || cidr === undefined || local === undefined) return
    const four = family === 'ipv4'
    const address = hostBytes(four ? this.own.spec.ipv4VXLANTunnelAddr : this.own.spec.ipv6VXLANTunnelAddr)
    if (address === undefined) this.lacks(`spec.${family}VXLANTunnelAddr`, DEVICES[family])
    const felix = this.state.named('FelixConfiguration', 'default')?.spec
    const remotes = new Map<string, RemoteVtep>()
    for (const view of this.state.nodes.all) {
      const vtep = view.name === this.plan.node ? undefined : this.vtep(view, family)
      if (vtep !== undefined) remotes.set(view.name, vtep)
    }
    this.tunnels.push({
      device: DEVICES[family],
      encapsulation: four ? 'vxlan' : 'vxlan-v6',
      ...(address === undefined ? {} : { address }),
      ...this.mtu(four ? 'vxlanMTU' : 'vxlanMTUV6'),
      vxlan: {
        id: felix?.vxlanVNI ?? VXLAN_VNI,
        port: felix?.vxlanPort ?? VXLAN_PORT,
        mac: vtepMac(this.own, family),
        local,
        remotes: [...remotes.values()],
      },
    })
    this.blockRoutes(family, pools, cidr, remotes)
  }

  private vtep(view: NodeView, family: FamilyName): RemoteVtep | undefined {
    const resource = this.state.named('Node', view.name)
    const { ipv4VXLANTunnelAddr, ipv6VXLANTunnelAddr } = resource?.spec ?? {}
    const address = hostBytes(family === 'ipv4' ? ipv4VXLANTunnelAddr : ipv6VXLANTunnelAddr)
    const node = hostBytes(view[family]?.address)
    if (resource === undefined || address === undefined || node === undefined) return undefined
    return { address, node, mac: vtepMac(resource, family) }
  }

  /** calico.md 4.3: every block of a VXLAN pool, ours as a blackhole, others' through the tunnel or plainly. */
  private blockRoutes(
    family: FamilyName,
    pools: readonly IpPoolResource[],
    own: Cidr,
    remotes: ReadonlyMap<string, RemoteVtep>,
  ): void {
    const ranges = pools.flatMap(({ metadata, spec }) => {
      const prefix = Prefix.parse(spec.cidr.network)
      return prefix === undefined ? [] : [{ prefix, name: metadata.name, mode: spec.vxlanMode }]
    })
    const poolOf = (prefix: Prefix | undefined) =>
      prefix === undefined ? undefined : ranges.find((range) => range.prefix.contains(prefix))
    const subnet = Prefix.parse(own.network)
    const route = (prefix: Prefix, view: NodeView, pool: (typeof ranges)[number], what: string): void => {
      const node = hostBytes(view[family]?.address)
      const near = pool.mode === 'CrossSubnet' && node !== undefined && subnet?.containsAddress(node) === true
      const vtep = remotes.get(view.name)
      if (!near && vtep === undefined) return
      const hop: NextHop = near
        ? { gateway: node, onlink: true }
        : { gateway: (vtep as RemoteVtep).address, device: DEVICES[family], onlink: true }
      const why = `${what} of ${view.name}, IPPool/${pool.name}`
      const destination = destinationOf(prefix)
      this.routes.push({ destination, kind: 'unicast', nextHops: [hop], why, ...(near ? { parent: family } : {}) })
    }
    for (const view of this.state.nodes.all) {
      for (const { cidr, affinityType, state } of this.state.affinities(view.name)) {
        if (affinityType !== 'host' || state === 'pending' || cidr.family !== family) continue
        const block = Prefix.parse(cidr.network)
        const pool = poolOf(block)
        if (block === undefined || pool === undefined) continue
        if (view.name !== this.plan.node) route(block, view, pool, 'block')
        else if (block.length !== block.bits)
          this.routes.push({ destination: destinationOf(block), kind: 'blackhole', nextHops: [], why: 'own block' })
      }
    }
    const views = new Map(this.state.nodes.all.map((view) => [view.name, view]))
    for (const { address, node, block } of this.loose) {
      // Ours are reached through our own workloads' interfaces.
      const view = node === this.plan.node ? undefined : views.get(node)
      const host = Prefix.from(address, address.length * 8)
      const pool = host?.family === family ? poolOf(host) : undefined
      if (view !== undefined && host !== undefined && pool !== undefined)
        route(host, view, pool, `loose address from ${block}`)
    }
  }

  private mtu(field: 'ipipMTU' | 'vxlanMTU' | 'vxlanMTUV6'): { mtu?: number } {
    const own = this.state.named('FelixConfiguration', `node.${this.plan.node}`)?.spec[field]
    const mtu = own ?? this.state.named('FelixConfiguration', 'default')?.spec[field]
    return mtu === undefined || mtu === 0 ? {} : { mtu }
  }

  private lacks(field: string, device: string): void {
    const message = `no address for ${device} yet: packets of this host itself find no way back through it`
    this.problems.push({ severity: 'warning', resource: `Node/${this.plan.node}`, field, message })
  }
}
