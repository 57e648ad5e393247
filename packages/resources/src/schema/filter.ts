/** BGPFilter (calico.md 1.6): four ordered lists of rules. Matching itself is the policy interpreter's business. */
import { z } from 'zod'
import {
  asNumber,
  community,
  optionalChoice,
  optionalNetworkCidr,
  optionalString,
  resource,
  routePriority,
} from './common.js'

/** Exactly one member is set. */
const operation = z
  .object({
    addCommunity: z.object({ value: community }).optional(),
    prependASPath: z.object({ prefix: z.array(asNumber).min(1) }).optional(),
    setPriority: z.object({ value: routePriority }).optional(),
  })
  .refine((value) => Object.values(value).filter((member) => member !== undefined).length === 1, {
    message: 'exactly one of addCommunity, prependASPath, setPriority is needed',
  })

const rule = (bits: number, family: 'ipv4' | 'ipv6') =>
  z.object({
    cidr: optionalNetworkCidr.refine((value) => value === undefined || value.family === family, {
      message: `not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} CIDR`,
    }),
    matchOperator: optionalChoice(['Equal', 'NotEqual', 'In', 'NotIn']),
    prefixLength: z
      .object({
        min: z.number().int().min(0).max(bits).optional(),
        max: z.number().int().min(0).max(bits).optional(),
      })
      .optional(),
    source: optionalChoice(['RemotePeers']),
    interface: optionalString,
    peerType: optionalChoice(['eBGP', 'iBGP']),
    communities: z.object({ values: z.array(community).min(1) }).optional(),
    asPathPrefix: z.array(asNumber).default([]),
    priority: routePriority.optional(),
    action: z.enum(['Accept', 'Reject']),
    operations: z.array(operation).default([]),
  })

const v4 = z.array(rule(32, 'ipv4')).default([])
const v6 = z.array(rule(128, 'ipv6')).default([])

export const bgpFilterSchema = resource('BGPFilter', {
  spec: z.object({ exportV4: v4, importV4: v4, exportV6: v6, importV6: v6 }).prefault({}),
})
export type BgpFilterResource = z.output<typeof bgpFilterSchema>
export type FilterRule = BgpFilterResource['spec']['exportV4'][number]
