/**
 * The FIB of a host that may not write its kernel's table (`--fib memory`): routes live in this process, but interfaces
 * and connected prefixes are the host's real ones as they were at the start, because next hops resolve through them.
 */
import { networkInterfaces } from 'node:os'
import { parseAddress } from '@starling/bgp-packet/address'
import { MemoryDriver, MemoryKernel } from '@starling/route-programmer'

export function memoryFib(interfaces = networkInterfaces()): MemoryDriver {
  const kernel = new MemoryKernel()
  for (const [at, [name, addresses = []]] of Object.entries(interfaces).entries()) {
    const index = at + 1
    kernel.setLink({ index, name, up: true, running: true, mtu: 1500, kind: '' })
    for (const { cidr } of addresses) {
      const [text = '', length] = (cidr ?? '').split('/')
      const address = parseAddress(text)
      if (address === undefined) continue
      const family = address.length === 4 ? 4 : 6
      kernel.addAddress({ ifindex: index, family, address, length: Number(length), scope: 0 })
    }
  }
  return new MemoryDriver(kernel)
}
