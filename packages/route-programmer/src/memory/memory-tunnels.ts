/**
 * Tunnel devices in memory, for hosts without NET_ADMIN, the lab and tests: the rules of the kernel that matter to whoever
 * programs them. A device needs its parent and its kind's module, setting a MAC drops the neighbours, and what is already
 * so, or already gone, is no error.
 */

import type { WriteOutcome } from '../driver.js'
import { hex } from '../reconciler/way.js'
import type { ActualTunnel, TunnelDriver, TunnelOperation } from '../tunnels/types.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] }
type Device = Mutable<ActualTunnel>

const OK: WriteOutcome = { errno: 0 }
const ENODEV: WriteOutcome = { errno: 19, name: 'ENODEV', text: '' }
const EOPNOTSUPP: WriteOutcome = { errno: 95, name: 'EOPNOTSUPP', text: 'Unknown device type' }

export interface MemoryTunnelOptions {
  /** Interfaces that a tunnel may stand on. */
  readonly parents?: readonly string[]
  /** Kinds whose module is loaded; all when absent. */
  readonly kinds?: readonly string[]
}

export class MemoryTunnelDriver implements TunnelDriver {
  readonly devices = new Map<string, Device>()
  private readonly options: MemoryTunnelOptions
  private nextIndex = 100

  constructor(options: MemoryTunnelOptions = {}) {
    this.options = options
  }

  async read(names: readonly string[]): Promise<readonly ActualTunnel[]> {
    const found = [...this.devices.values()].filter(({ name }) => names.includes(name))
    return found.map((device) => ({
      ...device,
      addresses: [...device.addresses],
      neighbours: [...device.neighbours],
      forwarding: [...device.forwarding],
    }))
  }

  async apply(operations: readonly TunnelOperation[]): Promise<readonly WriteOutcome[]> {
    return operations.map((operation) => this.applyOne(operation))
  }

  async close(): Promise<void> {}

  private applyOne(operation: TunnelOperation): WriteOutcome {
    if (operation.op === 'create') return this.create(operation.tunnel)
    const device = this.devices.get(operation.device)
    if (device === undefined) return /^(delete|remove-address)$/.test(operation.op) ? OK : ENODEV
    switch (operation.op) {
      case 'delete':
        this.devices.delete(device.name)
        break
      case 'configure':
        device.up = true
        device.mtu = operation.mtu
        if (operation.mac !== undefined) {
          device.mac = operation.mac
          device.neighbours = []
        }
        break
      case 'add-address':
      case 'remove-address': {
        const { bytes, length } = operation
        device.addresses = device.addresses.filter((each) => hex(each.bytes) !== hex(bytes))
        if (operation.op === 'add-address') device.addresses.push({ bytes, length })
        break
      }
      case 'add-neighbour':
      case 'remove-neighbour': {
        const { address, mac } = operation
        device.neighbours = device.neighbours.filter((each) => hex(each.address) !== hex(address))
        if (operation.op === 'add-neighbour') device.neighbours.push({ address, mac })
        break
      }
      case 'add-forwarding':
      case 'remove-forwarding': {
        const { mac, node } = operation
        device.forwarding = device.forwarding.filter((each) => hex(each.mac) !== hex(mac))
        if (operation.op === 'add-forwarding') device.forwarding.push({ mac, node })
        break
      }
    }
    return OK
  }

  private create({ name, kind, mtu, mac, vxlan }: Extract<TunnelOperation, { op: 'create' }>['tunnel']): WriteOutcome {
    if (this.devices.has(name)) return OK
    if (this.options.kinds?.includes(kind) === false) return EOPNOTSUPP
    if (vxlan !== undefined && this.options.parents?.includes(vxlan.parent) !== true) return ENODEV
    const none = { addresses: [], neighbours: [], forwarding: [] }
    this.devices.set(name, { name, index: this.nextIndex++, kind, up: false, mtu, mac, vxlan, ...none })
    return OK
  }
}
