/**
 * Tunnels as desired state: devices, their addresses, and for VXLAN the neighbour and forwarding entries of every remote
 * VTEP (calico.md 4.2, 4.3). Same pattern as routes: what is wanted, what is there, the difference as operations. A
 * `TunnelDriver` only reads and writes.
 */

import type { WriteOutcome } from '../driver.js'

export interface VxlanParameters {
  /** VNI; Calico's is 4096. */
  readonly id: number
  /** UDP port; 4789. */
  readonly port: number
  /** Name of the interface that holds the node's address. */
  readonly parent: string
  readonly local: Uint8Array
}

/** One remote VTEP: its address inside the overlay, its MAC, and the node that carries it. */
export interface RemoteVtep {
  readonly address: Uint8Array
  readonly mac: Uint8Array
  readonly node: Uint8Array
}

export interface DesiredTunnel {
  readonly name: string
  readonly kind: 'ipip' | 'vxlan'
  readonly mtu: number
  /** The MTU was derived: a device that is up with a smaller one keeps it, whoever chose it had a reason. */
  readonly mtuIsLimit?: boolean
  /** The only address kept on the device; absent keeps none of its family. */
  readonly address?: { readonly bytes: Uint8Array; readonly length: number }
  readonly mac?: Uint8Array
  readonly vxlan?: VxlanParameters
  readonly remotes?: readonly RemoteVtep[]
}

export interface ActualTunnel {
  readonly name: string
  readonly index: number
  readonly kind: string
  readonly up: boolean
  readonly mtu: number
  readonly mac?: Uint8Array | undefined
  readonly vxlan?: VxlanParameters | undefined
  readonly addresses: readonly { readonly bytes: Uint8Array; readonly length: number }[]
  /** Permanent neighbours: overlay address to MAC. */
  readonly neighbours: readonly { readonly address: Uint8Array; readonly mac: Uint8Array }[]
  /** Forwarding table: MAC to node. */
  readonly forwarding: readonly { readonly mac: Uint8Array; readonly node: Uint8Array }[]
}

/** Each is idempotent in effect; `device` is a name because a device may be made by an operation before. */
export type TunnelOperation =
  | { readonly op: 'create'; readonly tunnel: DesiredTunnel }
  | { readonly op: 'delete'; readonly device: string }
  | { readonly op: 'configure'; readonly device: string; readonly mtu: number; readonly mac?: Uint8Array }
  | {
      readonly op: 'add-address' | 'remove-address'
      readonly device: string
      readonly bytes: Uint8Array
      readonly length: number
    }
  | {
      readonly op: 'add-neighbour' | 'remove-neighbour'
      readonly device: string
      readonly address: Uint8Array
      readonly mac: Uint8Array
    }
  | {
      readonly op: 'add-forwarding' | 'remove-forwarding'
      readonly device: string
      readonly mac: Uint8Array
      readonly node: Uint8Array
    }

export interface TunnelDriver {
  /** Devices of these names that exist. */
  read(names: readonly string[]): Promise<readonly ActualTunnel[]>
  apply(operations: readonly TunnelOperation[]): Promise<readonly WriteOutcome[]>
  close(): Promise<void>
}
