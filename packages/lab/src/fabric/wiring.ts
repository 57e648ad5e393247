/**
 * What `ip link`, `ip address`, `ip route` and `ip neighbour` would do, through netlink and inside a namespace: a machine
 * with nothing but Node can run the lab. One request socket per namespace, opened on first use and kept.
 */
import { Prefix } from '@starling/inet'
import {
  AF_INET,
  AF_INET6,
  decodeRoute,
  encodeAddress,
  encodeLink,
  encodeNeighbour,
  encodeRoute,
  IFF,
  IFLA,
  IFLA_INFO,
  type LinkMessage,
  MessageWriter,
  NLM_F,
  NUD,
  RT_SCOPE,
  RT_TABLE,
  RTM,
  RTN,
} from '@starling/netlink'
import { dump, openRequestSocket, type RequestSocket } from '@starling/netlink/socket'
import { errnoWords, interfaceIndex, parseAddress, SysError } from '@starling/sys'
import type { Netns } from './netns.js'

const NESTED = 0x8000
/** linux/if_link.h; linux/veth.h; include/uapi/linux/ip.h. */
const IFLA_NET_NS_FD = 28
const IFLA_AF_SPEC = 26
const IFLA_INET_CONF = 1
const VETH_INFO_PEER = 1
const IPV4_DEVCONF_FORWARDING = 1
/** linux/if_link.h: who makes link-local addresses; nobody. */
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1

/** rtm_protocol of what the lab writes: `boot` for pods, as Felix does (calico.md 1.13), `static` for the underlay. */
export const PROTOCOL = { boot: 3, static: 4, bird: 12 } as const

export interface KernelRoute {
  readonly prefix: string
  readonly protocol: number
  readonly type: 'unicast' | 'blackhole' | 'other'
  readonly gateway?: string
}

export interface RouteRequest {
  readonly to: string
  readonly via?: string
  readonly device?: string
  readonly protocol: number
  readonly metric?: number
}

/** The wiring of one namespace. */
export class Wiring {
  readonly ns: Netns
  #socket: RequestSocket | undefined

  constructor(ns: Netns) {
    this.ns = ns
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  bridge(name: string): void {
    this.#link(`add bridge ${name}`, RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, { name, kind: 'bridge' })
    this.up(name)
  }

  /** A veth pair: `name` here, `peer` in the other namespace. MAC addresses only where they matter. */
  veth(name: string, peer: { ns: Netns; name: string; mac?: string }, mac?: string): void {
    const data = new MessageWriter(256)
    data.attributeText(IFLA_INFO.KIND, 'veth')
    const info = data.open(IFLA_INFO.DATA | NESTED)
    const other = data.open(VETH_INFO_PEER | NESTED)
    const address = peer.mac === undefined ? {} : { address: macBytes(peer.mac) }
    encodeLink(data, { ...NO_LINK, name: peer.name, ...address })
    data.attributeU32(IFLA_NET_NS_FD, peer.ns.fd)
    data.close(other)
    data.close(info)
    this.#link(`add veth ${name}`, RTM.NEWLINK, NLM_F.CREATE | NLM_F.EXCL, {
      name,
      ...(mac === undefined ? {} : { address: macBytes(mac) }),
      unknown: [{ type: IFLA.LINKINFO | NESTED, data: data.bytes.slice(0, data.length) }],
    })
  }

  enslave(port: string, bridge: string): void {
    this.#link(`enslave ${port}`, RTM.NEWLINK, 0, { index: this.#index(port), master: this.#index(bridge) })
    this.up(port)
  }

  up(name: string): void {
    this.#link(`up ${name}`, RTM.NEWLINK, 0, { index: this.#index(name), flags: IFF.UP, changeMask: IFF.UP })
  }

  down(name: string): void {
    this.#link(`down ${name}`, RTM.NEWLINK, 0, { index: this.#index(name), flags: 0, changeMask: IFF.UP })
  }

  remove(name: string): void {
    this.#link(`remove ${name}`, RTM.DELLINK, 0, { index: this.#index(name) })
  }

  /** `address` with its length: `10.0.1.11/24`. */
  address(device: string, address: string): void {
    const { family, bytes, length } = parse(address)
    this.#request(`address ${address} on ${device}`, RTM.NEWADDR, NLM_F.CREATE | NLM_F.REPLACE, (writer) =>
      encodeAddress(writer, {
        family,
        prefixLength: length,
        flags: family === AF_INET6 ? 0x02 : 0,
        scope: RT_SCOPE.UNIVERSE,
        ifindex: this.#index(device),
        local: bytes,
        address: bytes,
      }),
    )
  }

  route({ to, via, device, protocol, metric }: RouteRequest): void {
    const { family, bytes, length } = parse(to)
    this.#request(`route ${to}`, RTM.NEWROUTE, NLM_F.CREATE | NLM_F.REPLACE, (writer) =>
      encodeRoute(writer, {
        family,
        destinationLength: length,
        sourceLength: 0,
        tos: 0,
        table: RT_TABLE.MAIN,
        protocol,
        scope: via === undefined ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE,
        type: RTN.UNICAST,
        flags: 0,
        destination: bytes,
        ...(metric === undefined ? {} : { priority: metric }),
        nextHops: [
          {
            ...(via === undefined ? {} : { gateway: parseAddress(via).bytes }),
            ifindex: device === undefined ? 0 : this.#index(device),
            flags: 0,
            weight: 1,
          },
        ],
      }),
    )
  }

  neighbour(device: string, address: string, mac: string): void {
    const { family, bytes } = parse(address)
    this.#request(`neighbour ${address}`, RTM.NEWNEIGH, NLM_F.CREATE | NLM_F.REPLACE, (writer) =>
      encodeNeighbour(writer, {
        family,
        ifindex: this.#index(device),
        state: NUD.PERMANENT,
        flags: 0,
        type: 0,
        destination: bytes,
        linkAddress: macBytes(mac),
      }),
    )
  }

  /** Forwarding for packets that come in on this device: per device through netlink, so a read-only /proc is no obstacle. */
  forward(device: string): void {
    const spec = new MessageWriter(64)
    const family = spec.open(AF_INET | NESTED)
    const conf = spec.open(IFLA_INET_CONF | NESTED)
    spec.attributeU32(IPV4_DEVCONF_FORWARDING, 1)
    spec.close(conf)
    spec.close(family)
    this.#link(`forwarding on ${device}`, RTM.NEWLINK, 0, {
      index: this.#index(device),
      unknown: [{ type: IFLA_AF_SPEC | NESTED, data: spec.bytes.slice(0, spec.length) }],
    })
  }

  /** No link-local address but those that are given; before the device is up. */
  withoutOwnAddress(device: string): void {
    const spec = new MessageWriter(64)
    const family = spec.open(AF_INET6 | NESTED)
    spec.attributeU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)
    spec.close(family)
    this.#link(`no link-local address on ${device}`, RTM.NEWLINK, 0, {
      index: this.#index(device),
      unknown: [{ type: IFLA_AF_SPEC | NESTED, data: spec.bytes.slice(0, spec.length) }],
    })
  }

  /** The main table of a family as the kernel has it now. */
  async routes(family: 4 | 6 = 4): Promise<KernelRoute[]> {
    const found: KernelRoute[] = []
    await this.ns.run(() =>
      dump(
        RTM.GETROUTE,
        (writer) =>
          encodeRoute(writer, {
            family: family === 4 ? AF_INET : AF_INET6,
            destinationLength: 0,
            sourceLength: 0,
            tos: 0,
            table: 0,
            protocol: 0,
            scope: 0,
            type: 0,
            flags: 0,
            nextHops: [],
          }),
        (_type, bytes, from, to) => {
          const route = decodeRoute(bytes, from, to, false)
          if (route === undefined || route.table !== RT_TABLE.MAIN) return
          const gateway = route.nextHops[0]?.gateway
          found.push({
            prefix: `${text(route.destination ?? new Uint8Array(family === 4 ? 4 : 16))}/${route.destinationLength}`,
            protocol: route.protocol,
            type: route.type === RTN.UNICAST ? 'unicast' : route.type === RTN.BLACKHOLE ? 'blackhole' : 'other',
            ...(gateway === undefined ? {} : { gateway: text(gateway) }),
          })
        },
      ),
    )
    return found
  }

  #link(what: string, type: number, flags: number, link: Partial<LinkMessage>): void {
    this.#request(what, type, flags, (writer) => encodeLink(writer, { ...NO_LINK, ...link }))
  }

  #index(device: string): number {
    return this.ns.run(() => interfaceIndex(device))
  }

  #request(what: string, type: number, flags: number, encode: (writer: MessageWriter) => void): void {
    this.#socket ??= this.ns.run(() => openRequestSocket())
    const [failure] = this.#socket.submit(1, (writer, _index, sequence) => {
      writer.begin(type, NLM_F.REQUEST | flags, sequence)
      encode(writer)
    })
    if (failure === undefined) return
    const reason = failure.text !== '' ? failure.text : errnoWords(failure.errno)
    throw new SysError(`netlink (${what} in ${this.ns.name})`, failure.errno, reason)
  }
}

const NO_LINK: LinkMessage = { family: 0, deviceType: 0, index: 0, flags: 0, changeMask: 0 }

function parse(cidr: string): { family: number; bytes: Uint8Array; length: number } {
  const [address = '', length] = cidr.split('/')
  const { family, bytes } = parseAddress(address)
  return {
    family: family === 4 ? AF_INET : AF_INET6,
    bytes,
    length: length === undefined ? bytes.length * 8 : Number(length),
  }
}

const text = (bytes: Uint8Array): string => Prefix.host(bytes).toString().split('/')[0] as string

function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':').map((byte) => Number.parseInt(byte, 16)))
}
