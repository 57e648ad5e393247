/** Who this node is to its peers: AS, router id, addresses, cluster id (calico.md 2.2). */
import { formatIPv4, parseIPv4 } from '@starling/bgp-packet/address'
import type { Why } from '@starling/engine'
import type { NodeIndex, NodeView } from './nodes.js'
import type { Settings } from './settings.js'
import type { Circumstances, Identity, PlanProblem } from './types.js'

export function identify(
  name: string,
  nodes: NodeIndex,
  settings: Settings,
  options: Circumstances,
  problems: PlanProblem[],
): Identity {
  const node = nodes.get(name)
  const resource = `Node/${name}`
  if (node === undefined) problems.push({ severity: 'error', resource, message: 'does not exist: no BGP' })
  else if (node.ipv4 === undefined && node.ipv6 === undefined)
    problems.push({ severity: 'warning', resource, field: 'spec.bgp', message: 'has no address: no BGP' })
  const [routerId, routerIdWhy] = routerIdOf(name, nodes, options, problems)
  if (node?.ipv4 !== undefined || node?.ipv6 !== undefined)
    checkOthers(node, nodes, routerId, options.routerId === 'hash', problems)
  const own = node?.asNumber
  return {
    node: name,
    asNumber: own ?? settings.globalAs,
    asNumberWhy:
      own === undefined ? settings.globalAsWhy : { resource, field: 'spec.bgp.asNumber', rule: "the node's own AS" },
    routerId,
    routerIdWhy,
    ipv4: node?.ipv4,
    ipv6: node?.ipv6,
    clusterId: node?.clusterId ?? 0,
  }
}

/**
 * Another node with our address or router id: of two with one address each takes the other's sessions, of two with one
 * router id neither speaks to the other.
 */
function checkOthers(node: NodeView, nodes: NodeIndex, routerId: number, hash: boolean, problems: PlanProblem[]): void {
  const resource = `Node/${node.name}`
  const clash = new Set<string>()
  for (const family of ['ipv4', 'ipv6'] as const) {
    const address = node[family]?.address
    for (const other of address === undefined ? [] : nodes.allWithAddress(address)) {
      if (other === node) continue
      clash.add(other.name)
      const field = `spec.bgp.${family}Address`
      problems.push({
        severity: 'error',
        resource,
        field,
        message: `Node/${other.name} has the address ${address} too`,
      })
    }
  }
  for (const other of nodes.allWithRouterId(routerId, hash)) {
    // An address in common says it already.
    if (other === node || clash.has(other.name) || (other.ipv4 ?? other.ipv6) === undefined) continue
    const message = `Node/${other.name} has the router id ${formatIPv4(routerId)} too: the two can have no session (RFC 4271 section 6.2); name another with CALICO_ROUTER_ID`
    problems.push({ severity: 'error', resource, message })
  }
}

function routerIdOf(
  name: string,
  nodes: NodeIndex,
  { routerId }: Circumstances,
  problems: PlanProblem[],
): [number, Why] {
  const resource = 'CALICO_ROUTER_ID'
  const own = { name, ipv4: nodes.get(name)?.ipv4 }
  if (routerId === 'hash') return [nodes.routerIdOf(own, true), { resource, rule: 'hash of the node name' }]
  if (routerId !== undefined && routerId !== '') {
    const literal = parseIPv4(routerId)
    if (literal !== undefined && literal !== 0) return [literal >>> 0, { resource, rule: 'given literally' }]
    problems.push({ severity: 'error', resource, message: `'${routerId}' is neither 'hash' nor a router id` })
  }
  const id = nodes.routerIdOf(own, false)
  // The reference leaves an IPv6-only node without a router id unless told to hash (calico.md 2.2).
  if (own.ipv4 === undefined) return [id, { resource: `Node/${name}`, rule: 'no IPv4 address: hash of the node name' }]
  return [id, { resource: `Node/${name}`, field: 'spec.bgp.ipv4Address', rule: "the node's IPv4 address" }]
}
