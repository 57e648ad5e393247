/** IPPool, IPReservation and the two IPAM look-alikes among the v3 resources (calico.md 1.7, 1.8, 1.11). */
import { z } from 'zod'
import {
  cidr,
  networkCidr,
  optionalChoice,
  optionalCount,
  optionalSelector,
  optionalString,
  resource,
} from './common.js'

const encapsulation = optionalChoice(['Never', 'Always', 'CrossSubnet'])

const poolSpec = z
  .object({
    cidr: networkCidr,
    blockSize: optionalCount(20, 128),
    ipipMode: encapsulation,
    vxlanMode: encapsulation,
    natOutgoing: z.boolean().optional(),
    disabled: z.boolean().default(false),
    disableBGPExport: z.boolean().default(false),
    nodeSelector: optionalSelector,
    namespaceSelector: optionalSelector,
    allowedUses: z.array(z.enum(['Workload', 'Tunnel', 'LoadBalancer'])).default([]),
    assignmentMode: optionalChoice(['Automatic', 'Manual']),
    /** Written by Calico 2.x, still found in old clusters. */
    ipip: z.object({ enabled: z.boolean().optional(), mode: z.string().optional() }).optional(),
    'nat-outgoing': z.boolean().optional(),
  })
  .transform(({ ipip, ...spec }) => ({
    cidr: spec.cidr,
    blockSize: spec.blockSize ?? (spec.cidr.family === 'ipv4' ? 26 : 122),
    ipipMode: spec.ipipMode || legacyMode(ipip),
    vxlanMode: spec.vxlanMode || ('Never' as const),
    natOutgoing: spec.natOutgoing ?? spec['nat-outgoing'] ?? false,
    disabled: spec.disabled,
    disableBGPExport: spec.disableBGPExport,
    nodeSelector: spec.nodeSelector,
    namespaceSelector: spec.namespaceSelector,
    allowedUses: spec.allowedUses.length > 0 ? spec.allowedUses : (['Workload', 'Tunnel'] as const),
    assignmentMode: spec.assignmentMode ?? ('Automatic' as const),
  }))

function legacyMode(ipip: { enabled?: boolean | undefined; mode?: string | undefined } | undefined) {
  if (ipip?.enabled !== true) return 'Never' as const
  return ipip.mode === 'cross-subnet' ? ('CrossSubnet' as const) : ('Always' as const)
}

export const ipPoolSchema = resource('IPPool', { spec: poolSpec })
export type IpPoolResource = z.output<typeof ipPoolSchema>

/** calico.md 1.7: what the pool means for BGP. */
export function poolEncapsulation(pool: IpPoolResource['spec']): 'vxlan' | 'ipip' | 'none' {
  if (pool.vxlanMode !== 'Never') return 'vxlan'
  return pool.ipipMode !== 'Never' ? 'ipip' : 'none'
}

export const ipReservationSchema = resource('IPReservation', {
  spec: z.object({ reservedCIDRs: z.array(cidr).default([]) }).prefault({}),
})
export type IpReservationResource = z.output<typeof ipReservationSchema>

export const ipamConfigurationSchema = resource('IPAMConfiguration', {
  spec: z
    .object({
      strictAffinity: z.boolean().default(false),
      autoAllocateBlocks: z.boolean().default(true),
      maxBlocksPerHost: z.number().int().min(0).default(0),
    })
    .prefault({}),
})
export type IpamConfigurationResource = z.output<typeof ipamConfigurationSchema>

/** The document form of an affinity: `deleted` is a string here. Calico in etcd mode reads the key of 1.9 instead. */
export const blockAffinitySchema = resource('BlockAffinity', {
  spec: z.object({
    state: optionalString,
    node: z.string().min(1),
    type: optionalString,
    cidr: networkCidr,
    deleted: z.union([z.boolean(), z.string()]).optional(),
  }),
})
export type BlockAffinityResource = z.output<typeof blockAffinitySchema>
