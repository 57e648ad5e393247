/**
 * One datastore entry to one typed resource, or to the reasons why not.
 *
 * Pure and without memory, so its result may be kept for as long as (key, value) does not change. A value that does not
 * decode never becomes a half-filled resource; whoever asked keeps the last good one.
 */
import type { z } from 'zod'
import { dropNullMembers, isJsonObject, type JsonValue, parseJson } from './json.js'
import { describeKey, parseKey, type ResourceKind } from './keys.js'
import { bgpConfigurationSchema, bgpPeerSchema } from './schema/bgp.js'
import { calicoNodeStatusSchema, clusterInformationSchema, felixConfigurationSchema } from './schema/cluster.js'
import { bgpFilterSchema } from './schema/filter.js'
import { blockAffinitySchema, ipamConfigurationSchema, ipPoolSchema, ipReservationSchema } from './schema/ip.js'
import {
  AFFINITY_STATES,
  type AffinityState,
  affinityValueSchema,
  type BlockValue,
  blockValueSchema,
  type HandleValue,
  handleValueSchema,
  type IpamConfigValue,
  ipamConfigValueSchema,
} from './schema/ipam.js'
import { endpointSliceSchema, kubernetesNodeSchema, secretSchema, serviceSchema } from './schema/kubernetes.js'
import { nodeSchema } from './schema/node.js'
import { peerOptionsSchema } from './schema/peer-options.js'
import { type Cidr, parseCidr } from './values/address.js'

/** Schemas of the kinds we read. Other kinds have keys but are only carried. */
export const SCHEMAS = {
  Node: nodeSchema,
  BGPConfiguration: bgpConfigurationSchema,
  BGPPeer: bgpPeerSchema,
  BGPFilter: bgpFilterSchema,
  IPPool: ipPoolSchema,
  IPReservation: ipReservationSchema,
  CalicoNodeStatus: calicoNodeStatusSchema,
  ClusterInformation: clusterInformationSchema,
  FelixConfiguration: felixConfigurationSchema,
  IPAMConfiguration: ipamConfigurationSchema,
  BlockAffinity: blockAffinitySchema,
  StarlingPeerOptions: peerOptionsSchema,
  KubernetesNode: kubernetesNodeSchema,
  Service: serviceSchema,
  EndpointSlice: endpointSliceSchema,
  Secret: secretSchema,
} as const satisfies Partial<Record<ResourceKind, z.ZodType>>

export type DecodedKind = keyof typeof SCHEMAS
export type Resource = { [K in DecodedKind]: z.output<(typeof SCHEMAS)[K]> }[DecodedKind]
export type ResourceOf<K extends DecodedKind> = z.output<(typeof SCHEMAS)[K]>

/** An affinity as its key and value say together. */
export interface IpamAffinity {
  readonly kind: 'IPAMAffinity'
  readonly affinityType: string
  readonly owner: string
  readonly cidr: Cidr
  readonly state: AffinityState
  readonly deleted: boolean
}
export type IpamValue =
  | IpamAffinity
  | { readonly kind: 'IPAMBlock'; readonly value: BlockValue }
  | { readonly kind: 'IPAMHandle'; readonly id: string; readonly value: HandleValue }
  | { readonly kind: 'IPAMHost'; readonly node: string }
  | { readonly kind: 'IPAMConfig'; readonly value: IpamConfigValue }

export interface Problem {
  /** `error`: the value cannot be used. `warning`: it is used, but breaks a rule. */
  readonly severity: 'error' | 'warning'
  readonly key: string
  /** `BGPPeer/rack1-tor`. */
  readonly resource: string
  /** `spec.peerIP`; absent when the whole value is meant. */
  readonly field?: string
  readonly message: string
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Entries that nothing here reads (foreign keys, kinds without a schema) decode to undefined. */
export function decodeEntry(key: string, value: string): Decoded<Resource | IpamValue> | undefined {
  const name = parseKey(key)
  if (name === undefined) return undefined
  switch (name.type) {
    case 'resource': {
      const schema = (SCHEMAS as Partial<Record<ResourceKind, z.ZodType<Resource>>>)[name.kind]
      if (schema === undefined) return undefined
      const decoded = decodeValue(key, value, schema)
      if (!decoded.ok || decoded.value.metadata.name === name.name) return decoded
      return fail(key, 'metadata.name', `is '${decoded.value.metadata.name}' but the key says '${name.name}'`)
    }
    case 'affinity': {
      const cidr = parseCidr(name.cidr)
      if (cidr === undefined) return fail(key, undefined, `'${name.cidr}' is not a CIDR`)
      const { affinityType, owner } = name
      const known = USUAL_AFFINITIES.get(value)
      if (known !== undefined) return { ok: true, value: affinity(affinityType, owner, cidr, known, false) }
      const decoded = decodeValue(key, value, affinityValueSchema)
      if (!decoded.ok) return decoded
      return { ok: true, value: affinity(affinityType, owner, cidr, decoded.value.state, decoded.value.deleted) }
    }
    case 'block':
      return wrap(decodeValue(key, value, blockValueSchema), (block) => ({ kind: 'IPAMBlock', value: block }))
    case 'handle':
      return wrap(decodeValue(key, value, handleValueSchema), (handle) => ({
        kind: 'IPAMHandle',
        id: name.id,
        value: handle,
      }))
    case 'ipam-host':
      return { ok: true, value: { kind: 'IPAMHost', node: name.node } }
    case 'ipam-config':
      return wrap(decodeValue(key, value, ipamConfigValueSchema), (config) => ({ kind: 'IPAMConfig', value: config }))
  }
}

/** The texts that Calico writes, and the empty one of old: 20,000 of them arrive at a cold start. */
const USUAL_AFFINITIES: ReadonlyMap<string, AffinityState> = new Map([
  ['', 'confirmed'],
  ...AFFINITY_STATES.map((state): [string, AffinityState] => [`{"state":"${state}","deleted":false}`, state]),
])

function affinity(
  affinityType: string,
  owner: string,
  cidr: Cidr,
  state: AffinityState,
  deleted: boolean,
): IpamAffinity {
  return { kind: 'IPAMAffinity', affinityType, owner, cidr, state, deleted }
}

function wrap<T>(decoded: Decoded<T>, as: (value: T) => IpamValue): Decoded<IpamValue> {
  return decoded.ok ? { ok: true, value: as(decoded.value) } : decoded
}

function fail(key: string, field: string | undefined, message: string): Decoded<never> {
  const problem: Problem = { severity: 'error', key, resource: describeKey(key), message }
  return { ok: false, problems: [field === undefined ? problem : { ...problem, field }] }
}

/** What a key's value must look like; undefined for kinds that are only carried, and for IPAM's values. */
export function schemaOfKey(key: string): z.ZodType | undefined {
  const name = parseKey(key)
  return name?.type === 'resource' ? (SCHEMAS as Partial<Record<ResourceKind, z.ZodType>>)[name.kind] : undefined
}

/** JSON text through a schema; every issue names the path of the bad field. */
export function decodeValue<T>(key: string, text: string, schema: z.ZodType<T>): Decoded<T> {
  let json: JsonValue
  try {
    json = parseJson(text)
  } catch (error) {
    return fail(key, undefined, `not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isJsonObject(json)) return fail(key, undefined, 'not a JSON object')
  dropNullMembers(json)
  const parsed = schema.safeParse(json)
  if (parsed.success) return { ok: true, value: parsed.data }
  return {
    ok: false,
    problems: parsed.error.issues.map((issue) => {
      const field = fieldPath(issue.path)
      const problem: Problem = { severity: 'error', key, resource: describeKey(key), message: issue.message }
      return field === '' ? problem : { ...problem, field }
    }),
  }
}

/** `spec.exportV4[2].cidr`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += /^[\w-]+$/.test(String(part)) ? `${text === '' ? '' : '.'}${String(part)}` : `["${String(part)}"]`
  }
  return text
}

/** {@link fieldPath} undone. */
export function fieldSteps(field: string): (string | number)[] {
  return [...field.matchAll(/\["([^"]*)"\]|\[(\d+)\]|[^.[\]]+/g)].map(([text, quoted, index]) =>
    quoted !== undefined ? quoted : index !== undefined ? Number(index) : text,
  )
}
