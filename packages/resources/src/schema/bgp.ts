/**
 * BGPConfiguration and BGPPeer (calico.md 1.4, 1.5).
 *
 * Fields only: rules between fields are in `lint.ts`, because a reader must tolerate their violation.
 */
import { z } from 'zod'
import { parseAddress, parseEndpoint } from '../values/address.js'
import {
  asNumber,
  community,
  networkCidr,
  optionalAddress,
  optionalChoice,
  optionalDuration,
  optionalPort,
  optionalSelector,
  optionalString,
  optionalText,
  resource,
  routePriority,
  secretKeyRef,
} from './common.js'

const cidrBlock = z.object({ cidr: networkCidr })

/** calico.md 2.12. Another value counts as the default, as newer releases may bring more. */
export type ProgramClusterRoutes = 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly'

export const bgpConfigurationSchema = resource('BGPConfiguration', {
  spec: z
    .object({
      logSeverityScreen: optionalString,
      nodeToNodeMeshEnabled: z.boolean().optional(),
      asNumber: asNumber.optional(),
      serviceLoadBalancerIPs: z.array(cidrBlock).default([]),
      serviceExternalIPs: z.array(cidrBlock).default([]),
      serviceClusterIPs: z.array(cidrBlock).default([]),
      serviceLoadBalancerAggregation: optionalChoice(['Enabled', 'Disabled']),
      communities: z.array(z.object({ name: z.string(), value: community })).default([]),
      /** `communities` members are values or names of the list above. */
      prefixAdvertisements: z
        .array(z.object({ cidr: networkCidr, communities: z.array(z.string()).default([]) }))
        .optional(),
      listenPort: optionalPort,
      nodeMeshPassword: secretKeyRef.optional(),
      nodeMeshMaxRestartTime: optionalDuration,
      bindMode: optionalChoice(['None', 'NodeIP']),
      ignoredInterfaces: z.array(z.string().min(1)).optional(),
      localWorkloadPeeringIPV4: optionalAddress,
      localWorkloadPeeringIPV6: optionalAddress,
      programClusterRoutes: optionalString,
      ipv4NormalRoutePriority: routePriority.optional(),
      ipv6NormalRoutePriority: routePriority.optional(),
    })
    .prefault({}),
})
export type BgpConfigurationResource = z.output<typeof bgpConfigurationSchema>

export const bgpPeerSchema = resource('BGPPeer', {
  spec: z
    .object({
      node: optionalString,
      nodeSelector: optionalSelector,
      peerIP: optionalText(parseEndpoint, 'an address with an optional port'),
      asNumber: asNumber.optional(),
      localASNumber: asNumber.optional(),
      peerSelector: optionalSelector,
      keepOriginalNextHop: z.boolean().default(false),
      nextHopMode: optionalChoice(['Auto', 'Self', 'Keep']),
      password: secretKeyRef.optional(),
      sourceAddress: optionalChoice(['UseNodeIP', 'None']),
      maxRestartTime: optionalDuration,
      keepaliveTime: optionalDuration,
      numAllowedLocalASNumbers: z.number().int().min(0).max(2147483647).default(0),
      ttlSecurity: z.number().int().min(0).max(255).default(0),
      reachableBy: optionalText(parseAddress, 'an IP address'),
      filters: z.array(z.string()).default([]),
      localWorkloadSelector: optionalSelector,
      reversePeering: optionalChoice(['Auto', 'Manual']),
    })
    .prefault({}),
})
export type BgpPeerResource = z.output<typeof bgpPeerSchema>
