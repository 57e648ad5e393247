/**
 * Builds the network of a plan: a switch namespace with one bridge per segment, a namespace per device with its legs,
 * addresses and underlay routes, and a namespace per pod behind its node as Calico's CNI plugin lays it
 * (host end `cali...` with MAC ee:ee:ee:ee:ee:ee, pod address /32, default route through 169.254.1.1).
 */
import { writeFileSync } from 'node:fs'
import { createNetns, type Netns } from '../fabric/netns.js'
import { PROTOCOL, Wiring } from '../fabric/wiring.js'
import type { LabPlan } from '../topology/plan.js'

const CALI_MAC = 'ee:ee:ee:ee:ee:ee'
const POD_GATEWAY = '169.254.1.1'
const FELIX_METRIC = 1024

export interface Pod {
  readonly name: string
  readonly node: string
  readonly address: string
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
  addPod(name: string, node: string, address: string): Pod {
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
    pod.close()
    const added = { name, node, address, ns }
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
    for (const { name } of this.#plan.segments) this.#switch.bridge(`br-${name}`)
    for (const { name, legs, underlay } of this.#plan.devices) {
      const wiring = new Wiring(createNetns(name))
      this.#devices.set(name, wiring)
      wiring.up('lo')
      enableForwarding(wiring.ns)
      legs.forEach(({ segment, address, length, interface: device }, at) => {
        const port = portName(name, at)
        this.#switch.veth(port, { ns: wiring.ns, name: device })
        this.#switch.enslave(port, `br-${segment}`)
        wiring.up(device)
        wiring.forward(device)
        wiring.address(device, `${address}/${length}`)
      })
      for (const { to, via } of underlay) wiring.route({ to, via, protocol: PROTOCOL.static })
    }
  }

  #ports(device: string, segment?: string): string[] {
    const plan = this.#plan.devices.find(({ name }) => name === device)
    if (plan === undefined) throw new Error(`no node, reflector or ToR is named "${device}"`)
    const ports = plan.legs.flatMap((leg, at) =>
      segment === undefined || leg.segment === segment ? [portName(device, at)] : [],
    )
    if (ports.length === 0) throw new Error(`${device} is not in rack "${segment}"`)
    return ports
  }
}

const portName = (device: string, leg: number): string => `${device}.${leg}`

/** The namespace-wide switch as well, for what is created later and for those who look. Read-only in some containers. */
function enableForwarding(ns: Netns): void {
  try {
    ns.run(() => writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'))
  } catch {
    // Forwarding is set per interface through netlink anyway.
  }
}
