/**
 * A plan as `starling plan -o json` prints it: stable names, plain values, no secrets, no session without its why.
 */
import { formatIPv4 } from '@starling/bgp-packet/address'
import type { PeerConfig } from '@starling/engine'
import type { Plan } from './plan.js'
import type { PlannedPeer } from './types.js'

export function planToJson(plan: Plan) {
  const { identity, listen, kernel } = plan
  return {
    node: plan.node,
    asNumber: identity.asNumber,
    asNumberWhy: identity.asNumberWhy,
    routerId: formatIPv4(identity.routerId),
    routerIdWhy: identity.routerIdWhy,
    clusterId: identity.clusterId === 0 ? '' : formatIPv4(identity.clusterId),
    addresses: { ipv4: cidrText(identity.ipv4), ipv6: cidrText(identity.ipv6) },
    listen: { ...listen },
    logLevel: plan.logLevel,
    peers: [...plan.peers.values()].map(peerToJson).sort((a, b) => (a.name < b.name ? -1 : 1)),
    dynamicNeighbors: plan.engine.dynamicNeighbors.map(({ range, maximum, template }) => ({
      range,
      maximum,
      remoteAs: template.remoteAs,
      localAs: template.localAs,
      hasPassword: template.password !== undefined || template.heldDown !== undefined,
      why: template.why,
    })),
    originate: plan.localRoutes.map(({ prefix, family, target, label, why }) => ({
      prefix,
      family,
      target,
      label,
      why,
    })),
    kernel: {
      rejectCidrs: kernel.rejectCidrs,
      pools: kernel.pools,
      normalPriority: kernel.normalPriority,
      localSubnet: kernel.localSubnet,
      wireguardNextHops: {
        ipv4: [...kernel.wireguardNextHops.ipv4].sort(),
        ipv6: [...kernel.wireguardNextHops.ipv6].sort(),
      },
    },
    ignoredInterfaces: plan.ignoredInterfaces,
    communities: plan.communities,
    problems: plan.problems,
  }
}

export type PlanJson = ReturnType<typeof planToJson>

const cidrText = (cidr: { address: string; length: number } | undefined): string =>
  cidr === undefined ? '' : `${cidr.address}/${cidr.length}`

/** The deprecated keepOriginalNextHop keeps on eBGP only (calico.md 2.6). */
function nextHopWord({ nextHop, remoteAs, localAs }: PeerConfig): 'auto' | 'self' | 'keep' {
  if (nextHop !== 'keep-ebgp') return nextHop
  return remoteAs === 'internal' || remoteAs === localAs ? 'auto' : 'keep'
}

function peerToJson(planned: PlannedPeer) {
  const { config, filters, reachableBy, sourceAddress, wantsPassword, remoteClusterId, bfd, shadowed, optionsFrom } =
    planned
  const { timers, gracefulRestart } = config
  return {
    name: config.name,
    kind: config.kind,
    address: config.remoteAddress,
    port: config.remotePort,
    remoteAs: config.remoteAs,
    localAs: config.localAs,
    passive: config.passive,
    sourceAddress: sourceAddress === 'None' ? '' : (config.localAddress ?? ''),
    interface: config.interface ?? '',
    families: config.families.map(({ family }) => family),
    hasPassword: wantsPassword,
    heldDown: config.heldDown ?? '',
    enabled: config.enabled,
    ttlSecurity: config.ttlSecurity,
    rrClient: config.routeReflectorClient,
    clusterId: config.routeReflectorClient ? formatIPv4(config.clusterId) : '',
    remoteClusterId: remoteClusterId === undefined ? '' : formatIPv4(remoteClusterId),
    nextHop: nextHopWord(config),
    restartTime: gracefulRestart.restartTime,
    holdTime: timers.holdTime,
    keepaliveTime: timers.keepaliveTime ?? null,
    numAllowedLocalAs: config.allowOwnAs,
    reachableBy: reachableBy ?? '',
    filters,
    bfd: bfd ?? null,
    importPolicy: config.importPolicy,
    exportPolicy: config.exportPolicy,
    description: config.description,
    shadowed,
    optionsFrom,
    why: config.why,
  }
}
