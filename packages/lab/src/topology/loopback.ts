/**
 * A topology without namespaces: the same devices on addresses of 127/8, one address each. Nothing is forwarded there, so
 * a ToR needs no legs, only its sessions. IPv6 has one loopback address and no more: a dual-stack topology is IPv4 here.
 */
import { familyOf } from './addresses.js'
import type { Leg, Topology } from './types.js'
import { TopologyError } from './yaml.js'

export function onLoopback(topology: Topology): Topology {
  if (topology.nodes.some(({ uplinks }) => uplinks.length > 0))
    throw new TopologyError(`${topology.name}: uplinks without addresses need namespaces`)
  const used = new Set<string>()
  const move = (text: string) => text.replace(/^\d+/, '127')
  const claim = ({ six: _, ...leg }: Leg): Leg => {
    // 127.0.0.1 is where everything else on the machine lives.
    const address = move(leg.address) === '127.0.0.1' ? '127.0.0.254' : move(leg.address)
    if (used.has(address)) throw new TopologyError(`${topology.name}: ${leg.address} has no place of its own in 127/8`)
    used.add(address)
    return { ...leg, address }
  }
  return {
    ...topology,
    pools: topology.pools.filter(({ cidr }) => familyOf(cidr) === 4),
    segments: topology.segments.map(({ name, subnet }) => ({ name, subnet: move(subnet) })),
    tors: topology.tors.map((tor) => {
      const { address } = claim(tor.legs[0]!)
      return { ...tor, legs: tor.legs.map(({ six: _, ...leg }) => ({ ...leg, address })) }
    }),
    reflectors: topology.reflectors.map((reflector) => ({ ...reflector, leg: claim(reflector.leg) })),
    nodes: topology.nodes.map((node) => ({ ...node, leg: claim(node.leg) })),
  }
}
