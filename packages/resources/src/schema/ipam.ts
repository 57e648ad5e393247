/**
 * IPAM values (calico.md 1.9 to 1.11): affinities, blocks, handles, configuration. They have no kind or metadata; what
 * they are is said by their key, so decoding takes the key's parts.
 */
import { z } from 'zod'
import { networkCidr, optionalString } from './common.js'

export const AFFINITY_STATES = ['pending', 'confirmed', 'pendingDeletion'] as const
export type AffinityState = (typeof AFFINITY_STATES)[number]

/** A missing or empty state is legacy data and means confirmed. */
export const affinityValueSchema = z.object({
  state: z
    .enum([...AFFINITY_STATES, ''])
    .optional()
    .transform((state): AffinityState => state || 'confirmed'),
  deleted: z.boolean().default(false),
})

/** uint64: a number while it fits, otherwise a bigint. */
const uint64 = z.union([z.number().int(), z.bigint()]).transform((value) => BigInt(value))

export const blockValueSchema = z.object({
  cidr: networkCidr,
  affinity: optionalString,
  affinity_claim_time: optionalString,
  hostAffinity: optionalString,
  allocations: z.array(z.number().int().min(0).nullable()),
  unallocated: z.array(z.number().int().min(0)).default([]),
  attributes: z
    .array(
      z.object({
        handle_id: optionalString,
        secondary: z.record(z.string(), z.string()).default({}),
        releasedAt: optionalString,
      }),
    )
    .default([]),
  sequenceNumber: uint64.default(0n),
  sequenceNumberForAllocation: z.record(z.string(), uint64).default({}),
  deleted: z.boolean().default(false),
})
export type BlockValue = z.output<typeof blockValueSchema>

export const handleValueSchema = z.object({
  block: z.record(z.string(), z.number().int()).default({}),
  deleted: z.boolean().default(false),
})
export type HandleValue = z.output<typeof handleValueSchema>

/** Zero members are omitted by the writer. */
export const ipamConfigValueSchema = z.object({
  strict_affinity: z.boolean().default(false),
  auto_allocate_blocks: z.boolean().default(false),
  maxBlocksPerHost: z.number().int().min(0).default(0),
  ipCooldownSeconds: z.number().int().min(0).default(0),
})
export type IpamConfigValue = z.output<typeof ipamConfigValueSchema>

/** What holds while the key is absent. */
export const DEFAULT_IPAM_CONFIG: IpamConfigValue = {
  strict_affinity: false,
  auto_allocate_blocks: true,
  maxBlocksPerHost: 0,
  ipCooldownSeconds: 0,
}
