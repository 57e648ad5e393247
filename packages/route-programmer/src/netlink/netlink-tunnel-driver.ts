/**
 * Tunnel devices of the Linux kernel: reads them with their addresses, neighbours and forwarding entries, and applies
 * operations one after the other, because later ones name devices that earlier ones made.
 */

import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  encodeAddress,
  encodeLink,
  encodeNeighbour,
  IFF,
  type LinkMessage,
  type MessageWriter,
  NLM_F,
  NTF_SELF,
  NUD,
  RTM,
} from '@starling/netlink'
import { dump, openRequestSocket, type RequestSocket } from '@starling/netlink/socket'
import { ERRNO, errnoName, interfaceIndex, SysError } from '@starling/sys'
import type { WriteOutcome } from '../driver.js'
import type { ActualTunnel, DesiredTunnel, TunnelDriver, TunnelOperation, VxlanParameters } from '../tunnels/types.js'

const CREATE = NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL
const REPLACE = NLM_F.REQUEST | NLM_F.CREATE | NLM_F.REPLACE
const NO_LINK: LinkMessage = { family: 0, deviceType: 0, index: 0, flags: 0, changeMask: 0 }
/** Errors that say the wish is already met. */
const FINE: Readonly<Record<string, readonly number[]>> = {
  create: [ERRNO.EEXIST],
  'add-address': [ERRNO.EEXIST],
  delete: [ERRNO.ENODEV],
  'remove-address': [ERRNO.ENODEV, 99],
  'remove-neighbour': [ERRNO.ENOENT],
  'remove-forwarding': [ERRNO.ENOENT],
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] }

export class NetlinkTunnelDriver implements TunnelDriver {
  private readonly requests: RequestSocket = openRequestSocket()

  async read(names: readonly string[]): Promise<readonly ActualTunnel[]> {
    const byIndex = new Map<number, Mutable<ActualTunnel>>()
    const linkNames = new Map<number, string>()
    const parents = new Map<number, { info: LinkMessage['vxlan']; tunnel: Mutable<ActualTunnel> }>()
    await dump(RTM.GETLINK, zeros(16), (_type, bytes, from, to) => {
      const link = decodeLink(bytes, from, to, false)
      if (link?.name === undefined) return
      linkNames.set(link.index, link.name)
      if (!names.includes(link.name)) return
      const tunnel = fromLink(link, link.name)
      byIndex.set(link.index, tunnel)
      if (link.vxlan !== undefined) parents.set(link.index, { info: link.vxlan, tunnel })
    })
    for (const { info, tunnel } of parents.values()) {
      if (info !== undefined) tunnel.vxlan = toParameters(info, linkNames.get(info.parent) ?? '')
    }
    if (byIndex.size === 0) return []
    await dump(RTM.GETADDR, zeros(8), (_type, bytes, from, to) => {
      const message = decodeAddress(bytes, from, to)
      const address = message?.local ?? message?.address
      if (message === undefined || address === undefined) return
      byIndex.get(message.ifindex)?.addresses.push({ bytes: address, length: message.prefixLength })
    })
    for (const family of [AF_INET, AF_INET6, AF_BRIDGE]) {
      await dump(RTM.GETNEIGH, zeros(12, family), (_type, bytes, from, to) => {
        const entry = decodeNeighbour(bytes, from, to)
        const { destination, linkAddress: mac } = entry ?? {}
        if (entry === undefined || destination === undefined || mac === undefined) return
        const tunnel = byIndex.get(entry.ifindex)
        if (family === AF_BRIDGE) tunnel?.forwarding.push({ mac, node: destination })
        else if ((entry.state & NUD.PERMANENT) !== 0) tunnel?.neighbours.push({ address: destination, mac })
      })
    }
    return [...byIndex.values()]
  }

  async apply(operations: readonly TunnelOperation[]): Promise<readonly WriteOutcome[]> {
    return operations.map((operation) => this.applyOne(operation))
  }

  async close(): Promise<void> {
    this.requests.close()
  }

  private applyOne(operation: TunnelOperation): WriteOutcome {
    try {
      const [error] = this.requests.submit(1, (writer, _i, sequence) => encode(writer, operation, sequence))
      if (error === undefined || isFine(operation, error.errno)) return { errno: 0 }
      return { errno: error.errno, name: errnoName(error.errno), text: error.text }
    } catch (error) {
      if (!(error instanceof SysError)) throw error
      if (error.errno === ERRNO.ENODEV && FINE[operation.op]?.includes(ERRNO.ENODEV) === true) return { errno: 0 }
      return { errno: error.errno, name: error.code, text: error.message }
    }
  }
}

/** A device that could not be made because of another one's parameters is not there, whatever the error is called. */
function isFine(operation: TunnelOperation, errno: number): boolean {
  if (FINE[operation.op]?.includes(errno) !== true) return false
  return operation.op !== 'create' || exists(operation.tunnel.name)
}

function exists(device: string): boolean {
  try {
    return interfaceIndex(device) > 0
  } catch {
    return false
  }
}

function fromLink(link: LinkMessage, name: string): Mutable<ActualTunnel> {
  return {
    name,
    index: link.index,
    kind: link.kind ?? '',
    up: (link.flags & IFF.UP) !== 0,
    mtu: link.mtu ?? 0,
    mac: link.address,
    vxlan: undefined,
    addresses: [],
    neighbours: [],
    forwarding: [],
  }
}

function toParameters(info: NonNullable<LinkMessage['vxlan']>, parent: string): VxlanParameters {
  return { id: info.id, port: info.port, parent, local: info.local ?? new Uint8Array(4) }
}

function encode(writer: MessageWriter, operation: TunnelOperation, sequence: number): void {
  switch (operation.op) {
    case 'create':
      writer.begin(RTM.NEWLINK, CREATE, sequence)
      encodeLink(writer, creation(operation.tunnel))
      return
    case 'delete':
      writer.begin(RTM.DELLINK, NLM_F.REQUEST, sequence)
      encodeLink(writer, { ...NO_LINK, index: interfaceIndex(operation.device) })
      return
    case 'configure':
      writer.begin(RTM.NEWLINK, NLM_F.REQUEST, sequence)
      encodeLink(writer, {
        ...NO_LINK,
        index: interfaceIndex(operation.device),
        flags: IFF.UP,
        changeMask: IFF.UP,
        mtu: operation.mtu,
        address: operation.mac,
      })
      return
    case 'add-address':
    case 'remove-address': {
      const { bytes, length, device } = operation
      const add = operation.op === 'add-address'
      writer.begin(add ? RTM.NEWADDR : RTM.DELADDR, add ? CREATE : NLM_F.REQUEST, sequence)
      const family = bytes.length === 4 ? AF_INET : AF_INET6
      encodeAddress(writer, {
        family,
        prefixLength: length,
        flags: 0,
        scope: 0,
        ifindex: interfaceIndex(device),
        local: bytes,
        address: bytes,
      })
      return
    }
    case 'add-neighbour':
    case 'remove-neighbour': {
      const { address, mac, device } = operation
      const add = operation.op === 'add-neighbour'
      writer.begin(add ? RTM.NEWNEIGH : RTM.DELNEIGH, add ? REPLACE : NLM_F.REQUEST, sequence)
      encodeNeighbour(writer, {
        family: address.length === 4 ? AF_INET : AF_INET6,
        ifindex: interfaceIndex(device),
        state: NUD.PERMANENT,
        flags: 0,
        type: 0,
        destination: address,
        linkAddress: mac,
      })
      return
    }
    case 'add-forwarding':
    case 'remove-forwarding': {
      const { node, mac, device } = operation
      const add = operation.op === 'add-forwarding'
      writer.begin(add ? RTM.NEWNEIGH : RTM.DELNEIGH, add ? REPLACE : NLM_F.REQUEST, sequence)
      encodeNeighbour(writer, {
        family: AF_BRIDGE,
        ifindex: interfaceIndex(device),
        state: NUD.PERMANENT | NUD.NOARP,
        flags: NTF_SELF,
        type: 0,
        destination: node,
        linkAddress: mac,
      })
      return
    }
  }
}

function creation({ name, kind, mtu, mac, vxlan }: DesiredTunnel): LinkMessage {
  return {
    ...NO_LINK,
    name,
    kind,
    mtu: kind === 'vxlan' ? mtu : undefined,
    address: mac,
    vxlan:
      vxlan === undefined
        ? undefined
        : {
            id: vxlan.id,
            port: vxlan.port,
            parent: interfaceIndex(vxlan.parent),
            local: vxlan.local,
            learning: false,
          },
  }
}

function zeros(length: number, family = 0): (writer: MessageWriter) => void {
  return (writer) => {
    writer.u8(family)
    for (let i = 1; i < length; i++) writer.u8(0)
  }
}
