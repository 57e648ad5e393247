/**
 * Rules between fields (calico.md 1.4 to 1.7): what Calico's client refuses to write, and a reader must tolerate.
 *
 * A value that breaks one is used all the same, the way the reference's reader uses it; the finding is a warning at run
 * time and an error in `starling check`, which stands where the writing client would.
 */
import { readAnnotations } from './annotations.js'
import type { Problem, Resource, ResourceOf } from './decode.js'
import { selectorFault } from './schema/common.js'
import type { FilterRule } from './schema/filter.js'
import type { Cidr } from './values/address.js'

export interface Finding {
  readonly field: string
  readonly message: string
}

type Found = (field: string, message: string) => void

const PROGRAM_CLUSTER_ROUTES = ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly']
const LOG_SEVERITIES = ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal']

export function lint(resource: Resource): readonly Finding[] {
  const findings: Finding[] = []
  const found: Found = (field, message) => findings.push({ field, message })
  switch (resource.kind) {
    case 'BGPConfiguration':
      lintConfiguration(resource, found)
      break
    case 'BGPPeer':
      lintPeer(resource, found)
      break
    case 'BGPFilter':
      for (const list of ['exportV4', 'importV4', 'exportV6', 'importV6'] as const)
        resource.spec[list].forEach((rule, i) => {
          lintRule(rule, `spec.${list}[${i}]`, found)
        })
      break
    case 'IPPool':
      lintPool(resource, found)
      break
    case 'Node':
      lintNode(resource, found)
      break
    case 'StarlingPeerOptions':
      lintOptions(resource, found)
      break
    default:
  }
  return findings
}

export function findingToProblem(key: string, resource: string, finding: Finding): Problem {
  return { severity: 'warning', key, resource, ...finding }
}

function lintConfiguration({ metadata, spec }: ResourceOf<'BGPConfiguration'>, found: Found): void {
  const { name } = metadata
  const global = name === 'default'
  if (!global && !name.startsWith('node.'))
    found('metadata.name', "is neither 'default' nor 'node.<name>': the object is ignored")
  if (global && spec.nodeToNodeMeshEnabled === false) {
    if (spec.nodeMeshPassword !== undefined) found('spec.nodeMeshPassword', 'needs the node-to-node mesh')
    if (spec.nodeMeshMaxRestartTime !== undefined) found('spec.nodeMeshMaxRestartTime', 'needs the node-to-node mesh')
  }
  if (spec.asNumber === 0)
    found('spec.asNumber', 'is 0, which no speaker may use (RFC 7607): the built-in 64512 counts')
  if (spec.communities.length > 0 && spec.prefixAdvertisements === undefined)
    found('spec.communities', 'needs spec.prefixAdvertisements')
  if (spec.programClusterRoutes !== undefined && !PROGRAM_CLUSTER_ROUTES.includes(spec.programClusterRoutes))
    found('spec.programClusterRoutes', `unknown value '${spec.programClusterRoutes}' counts as the default`)
  if (spec.logSeverityScreen !== undefined && !LOG_SEVERITIES.includes(spec.logSeverityScreen))
    found('spec.logSeverityScreen', `unknown value '${spec.logSeverityScreen}'`)
  if (global) return
  const globalOnly = ['nodeToNodeMeshEnabled', 'asNumber', 'nodeMeshPassword', 'nodeMeshMaxRestartTime'] as const
  for (const field of globalOnly)
    if (spec[field] !== undefined) found(`spec.${field}`, "is only allowed in 'default' and ignored here")
  for (const field of ['serviceLoadBalancerIPs', 'serviceExternalIPs', 'serviceClusterIPs'] as const)
    if (spec[field].length > 0) found(`spec.${field}`, "is only allowed in 'default' and ignored here")
}

/** An address that no session can use is passed over; without this, all that shows is a node without BGP. */
function lintNode({ spec: { bgp } }: ResourceOf<'Node'>, found: Found): void {
  for (const [field, family] of [
    ['ipv4Address', 'ipv4'],
    ['ipv6Address', 'ipv6'],
  ] as const) {
    const value = bgp?.[field]
    if (value !== undefined && value.family !== family)
      found(
        `spec.bgp.${field}`,
        `'${value.address}' is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address: not used`,
      )
  }
  if (bgp?.asNumber === 0) found('spec.bgp.asNumber', 'is 0, which no speaker may use (RFC 7607): the global AS counts')
}

function lintPeer({ metadata, spec }: ResourceOf<'BGPPeer'>, found: Found): void {
  const { peerIP, peerSelector, localWorkloadSelector } = spec
  if (spec.node !== undefined && spec.nodeSelector !== undefined)
    found('spec.nodeSelector', 'not together with spec.node; the selector counts')
  if (peerIP !== undefined && peerSelector !== undefined)
    found('spec.peerSelector', 'not together with spec.peerIP; the selector counts')
  if (peerSelector !== undefined && (spec.asNumber ?? 0) !== 0)
    found('spec.asNumber', 'must be empty with spec.peerSelector: the AS of each selected node counts')
  if (localWorkloadSelector !== undefined && (peerIP !== undefined || peerSelector !== undefined))
    found('spec.localWorkloadSelector', 'not together with spec.peerIP or spec.peerSelector')
  if (localWorkloadSelector !== undefined && (spec.asNumber ?? 0) === 0)
    found('spec.asNumber', 'is needed with spec.localWorkloadSelector')
  if (peerIP === undefined && peerSelector === undefined && localWorkloadSelector === undefined)
    found('spec', 'names no peer: one of peerIP, peerSelector, localWorkloadSelector is needed')
  if (spec.reachableBy !== undefined) {
    if (peerIP === undefined) found('spec.reachableBy', 'needs spec.peerIP')
    else if (spec.reachableBy.family !== peerIP.family) found('spec.reachableBy', 'is not of the family of spec.peerIP')
  }
  if (spec.keepOriginalNextHop && spec.nextHopMode !== undefined)
    found('spec.keepOriginalNextHop', 'not together with spec.nextHopMode, which wins')
  if (peerIP?.family === 'ipv6' && peerIP.address.startsWith('fe80:') && peerIP.zone === undefined)
    found('spec.peerIP', 'a link-local address needs its interface: fe80::1%eth0')
  for (const field of ['nodeSelector', 'peerSelector', 'localWorkloadSelector'] as const)
    lintSelector(`spec.${field}`, spec[field], found)
  for (const fault of readAnnotations(metadata.annotations).faults)
    found(`metadata.annotations["${fault.annotation}"]`, fault.message)
}

function lintOptions({ spec }: ResourceOf<'StarlingPeerOptions'>, found: Found): void {
  lintSelector('spec.peerSelector', spec.peerSelector, found)
  lintSelector('spec.nodeSelector', spec.nodeSelector, found)
  const { peers, peerSelector, mesh, listenRanges, unnumbered, holdTime, keepaliveTime } = spec
  if (peers.length + listenRanges.length + unnumbered.length === 0 && peerSelector === undefined && !mesh)
    found('spec', 'is for no session: one of peers, peerSelector, mesh, listenRanges, unnumbered is needed')
  if (holdTime !== undefined && holdTime > 0 && keepaliveTime !== undefined && keepaliveTime > holdTime / 3)
    found('spec.keepaliveTime', `is more than a third of holdTime: ${Math.max(1, Math.floor(holdTime / 3000))}s counts`)
  if (spec.idleHoldTime !== undefined && spec.idleHoldTime.minimum > spec.idleHoldTime.maximum)
    found('spec.idleHoldTime', 'minimum is above maximum: minimum counts')
  const ranges = new Map<string, number>()
  listenRanges.forEach(({ cidr }, i) => {
    lintNetwork(`spec.listenRanges[${i}].cidr`, cidr, found)
    const first = ranges.get(cidr.network)
    if (first === undefined) ranges.set(cidr.network, i)
    else found(`spec.listenRanges[${i}].cidr`, `is listenRanges[${first}] again, which counts`)
  })
}

function lintRule(rule: FilterRule, path: string, found: Found): void {
  if ((rule.cidr === undefined) !== (rule.matchOperator === undefined))
    found(`${path}.${rule.cidr === undefined ? 'cidr' : 'matchOperator'}`, 'cidr and matchOperator go together')
  lintNetwork(`${path}.cidr`, rule.cidr, found)
  if (rule.prefixLength !== undefined) {
    const { min, max } = rule.prefixLength
    if (rule.cidr === undefined) found(`${path}.prefixLength`, 'needs cidr')
    if (min !== undefined && max !== undefined && min > max) found(`${path}.prefixLength`, 'min is above max')
  }
  if (rule.operations.length > 0 && rule.action !== 'Accept') found(`${path}.operations`, 'only with action Accept')
  if ((rule.communities?.values.length ?? 0) > 1) found(`${path}.communities.values`, 'holds more than one value')
}

/** BIRD refuses such a prefix, and with it the whole file. */
function lintNetwork(field: string, cidr: Cidr | undefined, found: Found): void {
  if (cidr !== undefined && !cidr.network.startsWith(`${cidr.address}/`))
    found(field, `'${cidr.address}/${cidr.length}' has host bits: ${cidr.network} counts`)
}

function lintPool({ spec }: ResourceOf<'IPPool'>, found: Found): void {
  lintNetwork('spec.cidr', spec.cidr, found)
  const bits = spec.cidr.family === 'ipv4' ? 32 : 128
  const [minimum, maximum] = bits === 32 ? [20, 32] : [116, 128]
  if (spec.blockSize < minimum || spec.blockSize > maximum)
    found('spec.blockSize', `must be between ${minimum} and ${maximum}`)
  else if (spec.blockSize < spec.cidr.length) found('spec.blockSize', 'is larger than the pool')
  if (spec.ipipMode !== 'Never' && spec.vxlanMode !== 'Never') found('spec.vxlanMode', 'not together with IPIP')
  if (spec.ipipMode !== 'Never' && bits === 128) found('spec.ipipMode', 'is for IPv4 pools')
  if (spec.allowedUses.length > 1 && (spec.allowedUses as readonly string[]).includes('LoadBalancer'))
    found('spec.allowedUses', 'LoadBalancer stands alone')
  if (spec.cidr.network.startsWith('169.254.') || spec.cidr.network.startsWith('fe80:'))
    found('spec.cidr', 'overlaps the link-local range')
  lintSelector('spec.nodeSelector', spec.nodeSelector, found)
  lintSelector('spec.namespaceSelector', spec.namespaceSelector, found)
}

function lintSelector(field: string, text: string | undefined, found: Found): void {
  const fault = selectorFault(text)
  if (fault !== undefined) found(field, `selects nothing: ${fault}`)
}
