/** CalicoNodeStatus, ClusterInformation, FelixConfiguration: the fields that routing and reporting need (1.12, 1.13). */
import { z } from 'zod'
import { optionalAddress, optionalDuration, optionalString, resource, routePriority } from './common.js'

export const NODE_STATUS_CLASSES = ['Agent', 'BGP', 'Routes'] as const

export const calicoNodeStatusSchema = resource('CalicoNodeStatus', {
  spec: z.object({
    node: z.string().min(1),
    classes: z.array(z.enum(NODE_STATUS_CLASSES)).default([]),
    /** 0 stops updates. */
    updatePeriodSeconds: z.number().int().min(0).max(86400).default(10),
  }),
})
export type CalicoNodeStatusResource = z.output<typeof calicoNodeStatusSchema>

export const clusterInformationSchema = resource('ClusterInformation', {
  spec: z
    .object({
      clusterGUID: optionalString,
      clusterType: optionalString,
      calicoVersion: optionalString,
      /** `false` during a datastore migration: components pause. */
      datastoreReady: z.boolean().optional(),
      variant: optionalString,
    })
    .prefault({}),
})
export type ClusterInformationResource = z.output<typeof clusterInformationSchema>

export const felixConfigurationSchema = resource('FelixConfiguration', {
  spec: z
    .object({
      programClusterRoutes: optionalString,
      ipipEnabled: z.boolean().optional(),
      ipipMTU: z.number().int().min(0).optional(),
      vxlanEnabled: z.boolean().optional(),
      vxlanMTU: z.number().int().min(0).optional(),
      vxlanMTUV6: z.number().int().min(0).optional(),
      vxlanPort: z.number().int().optional(),
      vxlanVNI: z.number().int().optional(),
      deviceRouteProtocol: z.number().int().min(0).max(255).optional(),
      removeExternalRoutes: z.boolean().optional(),
      deviceRouteSourceAddress: optionalAddress,
      deviceRouteSourceAddressIPv6: optionalAddress,
      routeRefreshInterval: optionalDuration,
      routeSource: optionalString,
      routeSyncDisabled: z.boolean().optional(),
      ipv4NormalRoutePriority: routePriority.optional(),
      ipv6NormalRoutePriority: routePriority.optional(),
      ipv4ElevatedRoutePriority: routePriority.optional(),
      ipv6ElevatedRoutePriority: routePriority.optional(),
      mtuIfacePattern: optionalString,
    })
    .prefault({}),
})
export type FelixConfigurationResource = z.output<typeof felixConfigurationSchema>
