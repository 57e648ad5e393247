/**
 * BGPConfiguration and BGPPeer (calico.md 1.4, 1.5).
 *
 * Fields only: rules between fields are in `lint.ts`, because a reader must tolerate their violation.
 */
import { z } from 'zod'
import { type Cidr, parseAddress, parseEndpoint } from '../values/address.js'
import {
  asNumber,
  community,
  networkCidr,
  optionalAddress,
  optionalChoice,
  optionalDuration,
  optionalNetworkCidr,
  optionalPort,
  optionalSelector,
  optionalString,
  optionalText,
  resource,
  routePriority,
  secretKeyRef,
  texts,
} from './common.js'

/**
 * An item left blank (`- cidr:`), which Go's writers store as `{}`, names nothing and voids nothing. One with another member
 * instead has a typing error.
 */
const cidrBlocks = z
  .array(
    z
      .looseObject({ cidr: optionalNetworkCidr })
      .transform(({ cidr, ...others }, context): { readonly cidr: Cidr } | undefined => {
        if (cidr !== undefined) return { cidr }
        if (Object.keys(others).length > 0) context.addIssue({ code: 'custom', path: ['cidr'], message: 'is missing' })
        return undefined
      })
      .nullable(),
  )
  .default([])
  .transform((blocks) => blocks.filter((block) => block !== undefined && block !== null))

/** calico.md 2.12. Another value counts as the default, as newer releases may bring more. */
export type ProgramClusterRoutes = 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly'

export const bgpConfigurationSchema = resource('BGPConfiguration', {
  spec: z
    .object({
      logSeverityScreen: optionalString,
      nodeToNodeMeshEnabled: z.boolean().optional(),
      asNumber: asNumber.optional(),
      serviceLoadBalancerIPs: cidrBlocks,
      serviceExternalIPs: cidrBlocks,
      serviceClusterIPs: cidrBlocks,
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
      ignoredInterfaces: texts.optional(),
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
      filters: texts.default([]),
      localWorkloadSelector: optionalSelector,
      reversePeering: optionalChoice(['Auto', 'Manual']),
    })
    .prefault({}),
})
export type BgpPeerResource = z.output<typeof bgpPeerSchema>
