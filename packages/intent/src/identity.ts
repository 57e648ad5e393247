/** Who this node is to its peers: AS, router id, addresses, cluster id (calico.md 2.2). */
import { parseIPv4 } from '@starling/bgp-packet/address'
import type { Why } from '@starling/engine'
import type { NodeIndex, NodeView } from './nodes.js'
import type { Settings } from './settings.js'
import { sha256, utf8 } from './sha256.js'
import type { Identity, PlanOptions, PlanProblem } from './types.js'

/** First four octets of SHA-256(node name); a first octet above 223 is reduced by 32. Never 0 (RFC 6286). */
export function hashedRouterId(node: string): number {
  const digest = sha256(utf8(node))
  const first = digest[0] as number
  const octets = [first > 223 ? first - 32 : first, digest[1] as number, digest[2] as number, digest[3] as number]
  const id = octets.reduce((value, octet) => value * 256 + octet, 0)
  return id === 0 ? 1 : id
}

export function identify(
  name: string,
  nodes: NodeIndex,
  settings: Settings,
  options: PlanOptions,
  problems: PlanProblem[],
): Identity {
  const node = nodes.get(name)
  const resource = `Node/${name}`
  if (node === undefined) problems.push({ severity: 'error', resource, message: 'does not exist: no BGP' })
  else if (node.ipv4 === undefined && node.ipv6 === undefined)
    problems.push({ severity: 'warning', resource, field: 'spec.bgp', message: 'has no address: no BGP' })
  else checkAddresses(node, nodes, problems)
  const [routerId, routerIdWhy] = routerIdOf(name, node, options, problems)
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

/** Another node with our address: each of the two takes the other's sessions. */
function checkAddresses(node: NodeView, nodes: NodeIndex, problems: PlanProblem[]): void {
  for (const other of nodes.all) {
    if (other === node) continue
    for (const family of ['ipv4', 'ipv6'] as const) {
      const address = node[family]?.address
      if (address === undefined || other[family]?.address !== address) continue
      const field = `spec.bgp.${family}Address`
      const message = `Node/${other.name} has the address ${address} too`
      problems.push({ severity: 'error', resource: `Node/${node.name}`, field, message })
    }
  }
}

function routerIdOf(
  name: string,
  node: NodeView | undefined,
  { routerId }: PlanOptions,
  problems: PlanProblem[],
): [number, Why] {
  const resource = 'CALICO_ROUTER_ID'
  const hash = hashedRouterId(name)
  if (routerId === 'hash') return [hash, { resource, rule: 'hash of the node name' }]
  if (routerId !== undefined && routerId !== '') {
    const literal = parseIPv4(routerId)
    if (literal !== undefined && literal !== 0) return [literal >>> 0, { resource, rule: 'given literally' }]
    problems.push({ severity: 'error', resource, message: `'${routerId}' is neither 'hash' nor a router id` })
  }
  const address = node?.ipv4 === undefined ? undefined : parseIPv4(node.ipv4.address)
  if (address !== undefined && address !== 0)
    return [address >>> 0, { resource: `Node/${name}`, field: 'spec.bgp.ipv4Address', rule: "the node's IPv4 address" }]
  // The reference leaves an IPv6-only node without a router id unless told to hash (calico.md 2.2).
  return [hash, { resource: `Node/${name}`, rule: 'no IPv4 address: hash of the node name' }]
}
