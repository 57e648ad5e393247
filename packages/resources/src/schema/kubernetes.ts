/** The Kubernetes objects a plan needs: services and their endpoints, secrets, node labels (calico.md 2.9, 2.11). */
import { z } from 'zod'
import { optionalChoice, optionalString, resource } from './common.js'

export const serviceSchema = resource('Service', {
  spec: z
    .object({
      type: optionalChoice(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).transform(
        (type) => type ?? ('ClusterIP' as const),
      ),
      clusterIP: optionalString,
      clusterIPs: z.array(z.string()).default([]),
      externalIPs: z.array(z.string()).default([]),
      loadBalancerIP: optionalString,
      externalTrafficPolicy: optionalChoice(['Cluster', 'Local']),
    })
    .prefault({}),
  status: z
    .object({
      loadBalancer: z
        .object({ ingress: z.array(z.object({ ip: optionalString })).default([]) })
        .default({ ingress: [] }),
    })
    .optional(),
})
export type ServiceResource = z.output<typeof serviceSchema>

/** Endpoints stand at the top level of this kind. */
export const endpointSliceSchema = resource('EndpointSlice', {
  addressType: optionalString,
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).default([]),
        nodeName: optionalString,
        /** Absent counts as ready. */
        conditions: z.object({ ready: z.boolean().optional() }).optional(),
      }),
    )
    .default([]),
})
export type EndpointSliceResource = z.output<typeof endpointSliceSchema>

/** `data` is base64, `stringData` plain (only in documents people write). */
export const secretSchema = resource('Secret', {
  data: z.record(z.string(), z.string()).default({}),
  stringData: z.record(z.string(), z.string()).default({}),
})
export type SecretResource = z.output<typeof secretSchema>

export const kubernetesNodeSchema = z.object({
  kind: z.enum(['Node', 'KubernetesNode']).transform(() => 'KubernetesNode' as const),
  metadata: z.object({
    name: z.string().min(1),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z
    .object({
      unschedulable: z.boolean().default(false),
      podCIDRs: z.array(z.string()).default([]),
    })
    .default({ unschedulable: false, podCIDRs: [] }),
  status: z
    .object({
      addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]),
    })
    .default({ addresses: [] }),
})
export type KubernetesNodeResource = z.output<typeof kubernetesNodeSchema>
