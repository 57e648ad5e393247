/** Calico Node (calico.md 1.3). A node without `spec.bgp` takes no part in BGP; an empty `spec.bgp` means the same. */
import { z } from 'zod'
import { parseIPv4Text } from '../values/cluster-id.js'
import { asNumber, optionalAddress, optionalCidr, optionalString, optionalText, resource } from './common.js'

export const nodeSchema = resource('Node', {
  spec: z
    .object({
      bgp: z
        .object({
          asNumber: asNumber.optional(),
          ipv4Address: optionalCidr,
          ipv6Address: optionalCidr,
          ipv4IPIPTunnelAddr: optionalAddress,
          /** u32: presence makes the node a route reflector. */
          routeReflectorClusterID: optionalText(parseIPv4Text, 'a cluster id in dotted-quad form'),
        })
        .optional(),
      ipv4VXLANTunnelAddr: optionalAddress,
      ipv6VXLANTunnelAddr: optionalAddress,
      vxlanTunnelMACAddr: optionalString,
      vxlanTunnelMACAddrV6: optionalString,
      orchRefs: z.array(z.object({ nodeName: optionalString, orchestrator: z.string().default('') })).default([]),
      wireguard: z.object({ interfaceIPv4Address: optionalAddress, interfaceIPv6Address: optionalAddress }).optional(),
      addresses: z.array(z.object({ address: z.string(), type: z.string().default('') })).default([]),
      interfaces: z.array(z.object({ name: z.string(), addresses: z.array(z.string()).default([]) })).default([]),
    })
    .prefault({}),
  status: z
    .object({
      wireguardPublicKey: optionalString,
      wireguardPublicKeyV6: optionalString,
      podCIDRs: z.array(z.string()).default([]),
    })
    .optional(),
})
export type NodeResource = z.output<typeof nodeSchema>
