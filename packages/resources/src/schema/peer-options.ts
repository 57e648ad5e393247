/**
 * StarlingPeerOptions: what a network engineer configures on a session beyond Calico's own fields.
 *
 * Our own resource, under our own prefix, so that Calico's tools keep their BGPPeers untouched. It selects BGPPeers by
 * name or label (and the mesh by `mesh: true`), optionally limited to some local nodes. Options of several resources
 * merge field by field: an annotation on the BGPPeer wins over a resource naming the peer, that over one selecting it
 * by label; among equals the first name in alphabetical order wins.
 */
import { z } from 'zod'
import { parseIPv4Text } from '../values/cluster-id.js'
import {
  asNumber,
  duration,
  networkCidr,
  optionalAddress,
  optionalSelector,
  optionalString,
  optionalText,
  port,
  resource,
} from './common.js'

const seconds = (minimum: number, maximum: number) =>
  duration.refine((value) => value === 0 || (value >= minimum * 1000 && value <= maximum * 1000), {
    message: `must be 0 or between ${minimum}s and ${maximum}s`,
  })

/** The wire has microseconds in 32 bits; shorter than 10 ms no timer of ours can hold, longer than a minute is no detection. */
const bfdInterval = duration.refine((value) => value >= 10 && value <= 60_000, {
  message: 'must be between 10ms and 60s',
})

/** Said like this because the parts of a union speak of types. */
const remoteAs = z.union([z.enum(['external', 'internal', 'any']), asNumber], {
  error: ({ input }) =>
    input === undefined ? 'is missing' : `'${String(input)}' is neither an AS number nor external, internal or any`,
})

const INTERFACE_NAME = /^(?!\.{1,2}$)[^\s/%:]{1,15}$/
const AN_INTERFACE_NAME = 'an interface name: 1 to 15 characters, without space, slash, colon and percent sign'

/** Refused instead of ignored: a session that was to be authenticated must not run without. */
const noTcpAo = z
  .unknown()
  .optional()
  .refine((value) => value === undefined, { message: 'TCP-AO (RFC 5925) is unsupported: use a password (TCP MD5)' })

const prefixLimit = z.object({
  maximum: z.number().int().min(1),
  /** Fraction of `maximum`. */
  warnAt: z.number().gt(0).max(1).default(0.8),
  action: z.enum(['warn', 'idle', 'restart']).default('warn'),
  restartAfter: duration.prefault('5m0s'),
})
const limits = z.object({ ipv4: prefixLimit.optional(), ipv6: prefixLimit.optional() })

const bfd = z.object({
  enabled: z.boolean().default(true),
  /** Desired transmit and required receive interval. */
  minimumInterval: bfdInterval.prefault('300ms'),
  multiplier: z.number().int().min(1).max(255).default(3),
  /** The session waits for BFD Up. */
  strict: z.boolean().default(false),
  passive: z.boolean().default(false),
  echo: z.boolean().default(false),
  /** Absent: multihop exactly when the peer is not on a connected network, which the speaker finds out. */
  multihop: z.boolean().optional(),
  authentication: z
    .object({
      type: z.enum(['simple', 'keyed-md5', 'meticulous-md5', 'keyed-sha1', 'meticulous-sha1']),
      keyId: z.number().int().min(0).max(255),
      secretKeyRef: z.object({ name: z.string().min(1), key: z.string().min(1) }),
    })
    .optional(),
})
export type BfdOptions = z.output<typeof bfd>

const attributeCodes = z.array(z.number().int().min(1).max(255))

/** The fields that describe sessions; also what annotations fill. */
export const peerOptionFields = z.object({
  description: optionalString,
  enabled: z.boolean().optional(),
  shutdownMessage: z.string().max(255).optional(),
  passive: z.boolean().optional(),
  remoteAs: remoteAs.optional(),
  remotePort: port.optional(),
  localAddress: optionalAddress,
  /** Bind to this device: VRFs, several uplinks. */
  interface: optionalText((text) => (INTERFACE_NAME.test(text) ? text : undefined), AN_INTERFACE_NAME),
  /** Differentiated services code point of our packets; CS6 = 48 when absent. */
  dscp: z.number().int().min(0).max(63).optional(),
  tcpUserTimeout: seconds(1, 86400).optional(),
  tcpMaximumSegment: z.number().int().min(88).max(32767).optional(),
  tcpAo: noTcpAo,
  bfd: z.union([z.boolean().transform((enabled) => bfd.parse({ enabled })), bfd]).optional(),
  holdTime: seconds(3, 65535).optional(),
  keepaliveTime: seconds(1, 21845).optional(),
  connectRetryTime: seconds(1, 3600).optional(),
  delayOpenTime: seconds(1, 240).optional(),
  idleHoldTime: z.object({ minimum: duration, maximum: duration }).optional(),
  sendHoldTime: seconds(1, 86400).optional(),
  advertisementInterval: duration.optional(),
  /** Both families in one session; the default is the family of the session's addresses, as BIRD does. */
  families: z
    .array(z.enum(['ipv4', 'ipv6'], { error: ({ input }) => `'${String(input)}' is neither ipv4 nor ipv6` }))
    .min(1)
    .refine((list) => new Set(list).size === list.length, { message: 'names a family twice' })
    .optional(),
  addPathReceive: z.boolean().optional(),
  addPathSend: z.union([z.literal('all'), z.number().int().min(0).max(64)]).optional(),
  extendedNextHop: z.boolean().optional(),
  extendedMessages: z.boolean().optional(),
  routeRefresh: z.boolean().optional(),
  importLimits: limits.optional(),
  exportLimits: limits.optional(),
  gracefulRestart: z
    .object({
      enabled: z.boolean().default(true),
      restartTime: seconds(1, 4095).optional(),
      notification: z.boolean().default(false),
      longLivedStaleTime: duration.prefault('0s'),
      /** In place of it, for one family. */
      longLivedStaleTimes: z.object({ ipv4: duration.optional(), ipv6: duration.optional() }).optional(),
    })
    .optional(),
  role: z.enum(['provider', 'rs', 'rs-client', 'customer', 'peer']).optional(),
  routeReflectorClient: z.boolean().optional(),
  /** Dotted quad: another cluster than the node's own for the clients here. */
  clusterId: optionalText(parseIPv4Text, 'a cluster id in dotted-quad form'),
  nextHop: z.enum(['auto', 'self', 'keep']).optional(),
  allowOwnAs: z.number().int().min(0).max(255).optional(),
  /** eBGP: the AS_PATH must begin with the peer's AS; on unless the peer is a route server (role rs-client here). */
  enforceFirstAs: z.boolean().optional(),
  asOverride: z.boolean().optional(),
  removePrivateAs: z.boolean().optional(),
  /** eBGP: nothing inside the cluster's own pools, and neither default route, private prefixes nor martians unless a BGPFilter accepts them. */
  strictImport: z.boolean().optional(),
  /** eBGP: nothing in and nothing out without a BGPFilter that says so (RFC 8212). */
  requirePolicy: z.boolean().optional(),
  discardAttributes: attributeCodes.optional(),
  withdrawOnAttributes: attributeCodes.optional(),
})
export type PeerOptions = z.output<typeof peerOptionFields>

const dynamicRange = z.object({
  cidr: networkCidr,
  maximum: z.number().int().min(1).max(10000).default(100),
  remoteAs,
  /** GTSM hops, as in a BGPPeer; 0 = off. */
  ttlSecurity: z.number().int().min(0).max(255).default(0),
  filters: z.array(z.string()).default([]),
  password: z.object({ secretKeyRef: z.object({ name: z.string().min(1), key: z.string().min(1) }) }).optional(),
})

/** As the kernel takes them (IFNAMSIZ), and with nothing that means something in an address. */
const interfaceName = z.string().regex(INTERFACE_NAME, { message: `is no ${AN_INTERFACE_NAME.slice(3)}` })

const unnumbered = z.object({
  interface: interfaceName,
  remoteAs,
  filters: z.array(z.string()).default([]),
  password: z.object({ secretKeyRef: z.object({ name: z.string().min(1), key: z.string().min(1) }) }).optional(),
})

export const peerOptionsSchema = resource('StarlingPeerOptions', {
  spec: peerOptionFields
    .extend({
      /** BGPPeer names. */
      peers: z.array(z.string()).default([]),
      /** BGPPeer labels. */
      peerSelector: optionalSelector,
      /** Sessions of the node-to-node mesh. */
      mesh: z.boolean().default(false),
      /** Limits everything here to the local nodes it selects. */
      nodeSelector: optionalSelector,
      /** Peers taken from ranges of addresses. */
      listenRanges: z.array(dynamicRange).default([]),
      /** Peers found by router advertisements on interfaces. */
      unnumbered: z.array(unnumbered).default([]),
    })
    .prefault({}),
})
export type PeerOptionsResource = z.output<typeof peerOptionsSchema>
export type ListenRange = z.output<typeof dynamicRange>
export type UnnumberedInterface = z.output<typeof unnumbered>
