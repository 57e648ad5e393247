/**
 * Builds the network of a plan: a switch namespace with one bridge per segment, a namespace per device with its legs,
 * addresses and underlay routes, and a namespace per pod behind its node as Calico's CNI plugin lays it
 * (host end `cali...` with MAC ee:ee:ee:ee:ee:ee, pod address /32, default route through 169.254.1.1; for IPv6 /128 and the
 * link-local address that belongs to that MAC).
 */
import { writeFileSync } from 'node:fs'
import { createNetns, type Netns } from '../fabric/netns.js'
import { PROTOCOL, Wiring } from '../fabric/wiring.js'
import { addressPairs, familiesOf, type LabPlan } from '../topology/plan.js'
import { LOOPBACK } from '../topology/types.js'

const CALI_MAC = 'ee:ee:ee:ee:ee:ee'
const POD_GATEWAY = '169.254.1.1'
const POD_GATEWAY6 = 'fe80::ecee:eeff:feee:eeee'
const FELIX_METRIC = 1024

/**
 * The kernel has one neighbour table per family for all namespaces together, with room for 1024 (gc_thresh3): racks that
 * would fill half of it get fixed entries, which do not count.
 */
const LEARNED_NEIGHBOURS = 500

export interface Pod {
  readonly name: string
  readonly node: string
  readonly address: string
  readonly address6?: string
  readonly ns: Netns
}

export class Network {
  readonly #plan: LabPlan
  readonly #switch: Wiring
  readonly #devices = new Map<string, Wiring>()
  readonly #pods = new Map<string, Pod>()
  readonly #cut = new Set<string>()

  constructor(plan: LabPlan) {
    this.#plan = plan
    this.#switch = new Wiring(createNetns('switch'))
    try {
      this.#build()
    } catch (error) {
      this.close()
      throw error
    }
  }

  namespace(device: string): Netns {
    const found = this.#devices.get(device)?.ns ?? this.#pods.get(device)?.ns
    if (found === undefined) throw new Error(`no node, reflector, ToR or pod is named "${device}"`)
    return found
  }

  wiring(device: string): Wiring {
    const found = this.#devices.get(device)
    if (found === undefined) throw new Error(`no node, reflector or ToR is named "${device}"`)
    return found
  }

  pods(): Pod[] {
    return [...this.#pods.values()]
  }

  /**
   * Connects a pod to its node. The route to it has protocol boot and Felix's metric: one without a metric would count as
   * elevated and be announced beside the block (calico.md 2.8).
   */
  addPod(name: string, node: string, address: string, address6?: string): Pod {
    const host = this.wiring(node)
    const ns = createNetns(name)
    const pod = new Wiring(ns)
    const device = `cali${name.replaceAll('-', '')}`.slice(0, 15)
    host.veth(device, { ns, name: 'eth0' }, CALI_MAC)
    host.up(device)
    host.forward(device)
    host.route({ to: `${address}/32`, device, protocol: PROTOCOL.boot, metric: FELIX_METRIC })
    pod.up('lo')
    pod.up('eth0')
    pod.address('eth0', `${address}/32`)
    pod.neighbour('eth0', POD_GATEWAY, CALI_MAC)
    pod.route({ to: `${POD_GATEWAY}/32`, device: 'eth0', protocol: PROTOCOL.boot })
    pod.route({ to: '0.0.0.0/0', via: POD_GATEWAY, device: 'eth0', protocol: PROTOCOL.boot })
    if (address6 !== undefined) {
      host.route({ to: `${address6}/128`, device, protocol: PROTOCOL.boot, metric: FELIX_METRIC })
      pod.address('eth0', `${address6}/128`)
      pod.neighbour('eth0', POD_GATEWAY6, CALI_MAC)
      pod.route({ to: '::/0', via: POD_GATEWAY6, device: 'eth0', protocol: PROTOCOL.boot })
    }
    pod.close()
    const added = { name, node, address, ...(address6 === undefined ? {} : { address6 }), ns }
    this.#pods.set(name, added)
    return added
  }

  /** Takes the carrier from a device's legs, or from one of them. */
  cut(device: string, segment?: string): void {
    for (const port of this.#ports(device, segment)) {
      this.#switch.down(port)
      this.#cut.add(port)
    }
  }

  heal(device: string, segment?: string): void {
    for (const port of this.#ports(device, segment)) {
      this.#switch.up(port)
      this.#cut.delete(port)
    }
  }

  isCut(device: string): boolean {
    return this.#ports(device).some((port) => this.#cut.has(port))
  }

  close(): void {
    for (const { ns } of this.#pods.values()) ns.close()
    for (const wiring of [...this.#devices.values(), this.#switch]) {
      wiring.close()
      wiring.ns.close()
    }
    this.#pods.clear()
    this.#devices.clear()
  }

  #build(): void {
    const { topology, segments, devices } = this.#plan
    const dual = segments.some(({ subnet6 }) => subnet6 !== undefined) || familiesOf(topology).includes(6)
    const cables = new Set(devices.flatMap((device) => device.cables.map(({ segment }) => segment)))
    for (const name of [...segments.map(({ name }) => name), ...cables]) this.#switch.bridge(`br-${name}`)
    devices.forEach(({ name, legs, cables, underlay }, number) => {
      const wiring = new Wiring(createNetns(name))
      this.#devices.set(name, wiring)
      wiring.up('lo')
      enableForwarding(wiring.ns)
      // There is no switch per interface for IPv6 in netlink: what is created later takes this one's value.
      if (dual) enableForwarding6(wiring.ns)
      const plug = (device: string, segment: string, at: number) => {
        const port = portName(name, at)
        this.#switch.veth(port, { ns: wiring.ns, name: device, mac: macOf(number, at) })
        this.#switch.enslave(port, `br-${segment}`)
      }
      legs.forEach(({ segment, address, length, six, interface: device }, at) => {
        if (segment !== LOOPBACK) {
          plug(device, segment, at)
          wiring.up(device)
          wiring.forward(device)
        }
        wiring.address(device, `${address}/${length}`)
        if (six !== undefined) wiring.address(device, `${six.address}/${six.length}`)
      })
      cables.forEach(({ segment, interface: device, linkLocal }, at) => {
        plug(device, segment, legs.length + at)
        wiring.withoutOwnAddress(device)
        wiring.up(device)
        wiring.forward(device)
        wiring.address(device, `${linkLocal}/64`)
      })
      for (const { to, via } of underlay) wiring.route({ to, via, protocol: PROTOCOL.static })
    })
    this.#introduce()
  }

  /** Fixed neighbour entries, where the kernel's table would not hold learned ones. */
  #introduce(): void {
    const members = this.#plan.devices.flatMap(({ name, legs }, number) =>
      legs.flatMap((leg, at) => (leg.segment === LOOPBACK ? [] : [{ name, leg, mac: macOf(number, at) }])),
    )
    const pairs = members.flatMap((a) =>
      members.filter((b) => b.leg.segment === a.leg.segment && b.name !== a.name).map((b) => [a, b] as const),
    )
    if (pairs.length <= LEARNED_NEIGHBOURS) return
    for (const [{ name, leg }, other] of pairs) {
      for (const [, address] of addressPairs(leg, other.leg)) {
        this.wiring(name).neighbour(leg.interface, address, other.mac)
      }
    }
  }

  #ports(device: string, segment?: string): string[] {
    const plan = this.#plan.devices.find(({ name }) => name === device)
    if (plan === undefined) throw new Error(`no node, reflector or ToR is named "${device}"`)
    const wanted = (place: string) => place !== LOOPBACK && (segment === undefined || place === segment)
    const ports = plan.legs.flatMap((leg, at) => (wanted(leg.segment) ? [portName(device, at)] : []))
    // A cable has no switch in the middle: both ends see that it is gone.
    for (const cable of plan.cables.filter(({ to }) => wanted(to))) {
      for (const { name, legs, cables } of this.#plan.devices) {
        const at = cables.findIndex((each) => each.segment === cable.segment)
        if (at >= 0) ports.push(portName(name, legs.length + at))
      }
    }
    if (ports.length === 0) throw new Error(`${device} is not in rack "${segment}", and no cable leads there`)
    return ports
  }
}

const portName = (device: string, leg: number): string => `${device}.${leg}`

/** Locally administered, from the place of the device and its leg in the plan. */
function macOf(device: number, leg: number): string {
  return [0x02, 0x73, 0x74, device >> 8, device & 0xff, leg].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** The namespace-wide switch as well, for what is created later and for those who look. Read-only in some containers. */
function enableForwarding(ns: Netns): void {
  try {
    ns.run(() => writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'))
  } catch {
    // Forwarding is set per interface through netlink anyway.
  }
}

function enableForwarding6(ns: Netns): void {
  const write = (name: string, value: string) => writeFileSync(`/proc/sys/net/ipv6/conf/${name}`, value)
  try {
    ns.run(() => {
      write('all/forwarding', '1')
      // Every address is handed out once: a second of looking for duplicates would only delay the first packets.
      for (const scope of ['all', 'default']) write(`${scope}/accept_dad`, '0')
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`IPv6 cannot be forwarded here, and the topology has subnet6: ${why}`)
  }
}
