/**
 * The host's interfaces and their addresses once, as the kernel lists them: those that are down as well, in the order of
 * the listing. Calico's address detection goes by that order (calico.md 5.2), and what libuv lists has neither: it leaves
 * out interfaces without a carrier, such as a port that is still negotiating while the node boots.
 */
import { formatAddress } from '@starling/bgp-packet'
import { decodeAddress, decodeLink, type MessageWriter, RTM } from '@starling/netlink'
import { dump } from '@starling/netlink/socket'

export interface HostInterfaceEntry {
  readonly name: string
  readonly addresses: { readonly address: string; readonly length: number }[]
}

const IFINFOMSG = 16
const IFADDRMSG = 8
/** A dump that the kernel calls inconsistent is read again, so often. */
const ATTEMPTS = 5

const zeros = (count: number) => (writer: MessageWriter) => {
  for (let i = 0; i < count; i++) writer.u8(0)
}

/** Throws SysError where netlink cannot be spoken. */
export async function hostInterfaces(): Promise<readonly HostInterfaceEntry[]> {
  let found = new Map<number, HostInterfaceEntry>()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const links = new Map<number, HostInterfaceEntry>()
    const first = await dump(RTM.GETLINK, zeros(IFINFOMSG), (type, bytes, from, to) => {
      const link = type === RTM.NEWLINK ? decodeLink(bytes, from, to, false) : undefined
      if (link?.name !== undefined) links.set(link.index, { name: link.name, addresses: [] })
    })
    const second = await dump(RTM.GETADDR, zeros(IFADDRMSG), (type, bytes, from, to) => {
      const message = type === RTM.NEWADDR ? decodeAddress(bytes, from, to) : undefined
      const own = message?.local ?? message?.address
      if (message === undefined || own === undefined) return
      links.get(message.ifindex)?.addresses.push({ address: formatAddress(own), length: message.prefixLength })
    })
    found = links
    if (!first.interrupted && !second.interrupted) break
  }
  return [...found.values()]
}
