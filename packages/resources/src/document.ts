/**
 * Documents people write (`calicoctl get -o yaml`, Kubernetes manifests) to datastore entries, and back.
 *
 * A document keeps everything it says: unknown fields pass through to the stored value. Only what Calico's writers strip
 * (resourceVersion, selfLink) is stripped. Some kinds have no resource key: a BlockAffinity document becomes the affinity
 * key of calico.md 1.9, because that is the authoritative one, IPAM's other custom resources likewise (`crd-ipam.ts`),
 * and an `Entry` (`apiVersion: starling.io/v1`) carries any key and value literally, so that a folder of files can hold
 * blocks and handles too.
 */

import { crdIpamEntry } from './crd-ipam.js'
import { decodeEntry, decodeValue, fieldSteps, type Problem } from './decode.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from './json.js'
import {
  affinityKey,
  isNamespaced,
  isResourceKind,
  parseKey,
  RESOURCE_KINDS,
  type ResourceKind,
  resourceKey,
} from './keys.js'
import { blockAffinitySchema } from './schema/ip.js'

export type Mapped =
  | { readonly ok: true; readonly key: string; readonly value: string }
  /** `foreign`: somebody else's document, such as a Deployment beside its Service: nothing is wrong with it. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly foreign?: boolean }

const CALICO_API = /^(crd\.)?projectcalico\.org\/v[13]$/
const API_OF_KIND: Readonly<Partial<Record<ResourceKind, string>>> = {
  StarlingPeerOptions: 'starling.io/v1',
  KubernetesNode: 'v1',
  Service: 'v1',
  Secret: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
}

/** The documents inside a `List`, a `NodeList`..., or the document itself. */
export function flattenDocument(document: unknown): readonly unknown[] {
  if (document === null || document === undefined) return []
  if (Array.isArray(document)) return document.flatMap(flattenDocument)
  if (!isJsonObject(document)) return [document]
  const { kind, items } = document
  if (typeof kind !== 'string' || !kind.endsWith('List') || !(Array.isArray(items) || items === null)) return [document]
  const item = kind.slice(0, -4)
  return (items ?? []).flatMap((entry) =>
    flattenDocument(
      // Items of a typed Kubernetes list may leave out what the list says.
      isJsonObject(entry) && entry['kind'] === undefined && item !== ''
        ? { kind: item, apiVersion: document['apiVersion'] ?? '', ...entry }
        : entry,
    ),
  )
}

/** One document to one entry, validated. Lists: {@link flattenDocument} first. */
export function mapDocument(document: unknown): Mapped {
  const mapped = locate(document)
  if (!mapped.ok) return mapped
  const decoded = decodeEntry(mapped.key, mapped.value)
  if (decoded === undefined || decoded.ok) return mapped
  const corrected = withBooleans(document as JsonObject, decoded.problems)
  if (corrected !== undefined) return mapDocument(corrected)
  if (parseKey(mapped.key)?.type === 'resource' || (document as JsonObject)['kind'] === 'Entry')
    return { ok: false, problems: decoded.problems }
  // The key's value has no spec; the document that people read has.
  return {
    ok: false,
    problems: decoded.problems.map((p) => ({ ...p, field: p.field === undefined ? 'spec' : `spec.${p.field}` })),
  }
}

/** Unquoted, YAML 1.1 reads these as booleans, and so do kubectl and Calico's tools; YAML 1.2 reads texts. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map(
  Object.entries({ yes: true, no: false, on: true, off: false, true: true, false: false }).flatMap(([word, value]) =>
    [word, word.toUpperCase(), word.charAt(0).toUpperCase() + word.slice(1)].map((text): [string, boolean] => [
      text,
      value,
    ]),
  ),
)

/** The document with such words made booleans where one is wanted; undefined where there is none. */
function withBooleans(document: JsonObject, problems: readonly Problem[]): JsonObject | undefined {
  let corrected: JsonValue = document
  for (const { field, message } of problems)
    if (field !== undefined && message.includes('expected boolean, received string'))
      corrected = booleanAt(corrected, fieldSteps(field))
  return corrected === document ? undefined : (corrected as JsonObject)
}

/** The very same value where there is no such word. */
function booleanAt(value: JsonValue, [step, ...rest]: readonly (string | number)[]): JsonValue {
  if (step === undefined) return typeof value === 'string' ? (BOOLEANS.get(value) ?? value) : value
  const member = isJsonObject(value) || Array.isArray(value) ? (value as JsonObject)[step] : undefined
  const next = member === undefined ? undefined : booleanAt(member, rest)
  if (next === undefined || next === member) return value
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? next : item))
  return { ...(value as JsonObject), [step]: next }
}

function locate(document: unknown): Mapped {
  if (!isJsonObject(document)) return refuse('document', undefined, 'is not an object with kind and metadata')
  const { kind: stated, apiVersion, metadata } = document
  if (typeof stated !== 'string' || stated === '') return refuse('document', 'kind', 'is missing')
  if (typeof apiVersion !== 'string') return refuse(stated, 'apiVersion', 'is missing')
  if (stated === 'Entry' && apiVersion === 'starling.io/v1') return literalEntry(document)
  const ipam = CALICO_API.test(apiVersion) ? crdIpamEntry(stated, document) : undefined
  if (ipam !== undefined)
    return 'key' in ipam ? { ok: true, ...ipam } : refuse(stated, ipam.missing, 'is missing or not what it should be')
  const kind = resourceKind(stated, apiVersion)
  if (kind === undefined) {
    const meant = meantKind(stated)
    const advice = meant === undefined ? '' : `; ${meant} of '${API_OF_KIND[meant] ?? 'projectcalico.org/v3'}'?`
    const refusal = refuse(stated, 'kind', `'${stated}' of '${apiVersion}' is not known${advice}`)
    return isForeign(stated, apiVersion) ? { ...refusal, foreign: true } : refusal
  }
  if (!isJsonObject(metadata)) return refuse(stated, 'metadata', 'is missing')
  const { name, namespace } = metadata
  if (name !== undefined && name !== null && typeof name !== 'string')
    return refuse(stated, 'metadata.name', `is no text but ${stringifyJson(name)}: it needs quotes`)
  if (typeof name !== 'string' || name === '') return refuse(stated, 'metadata.name', 'is missing')
  if (name.includes('/')) return refuse(`${stated}/${name}`, 'metadata.name', "must not contain '/'")
  if (kind === 'BlockAffinity') return affinityEntry(document, name)
  const key = resourceKey(kind, name, isNamespaced(kind) ? String(namespace ?? 'default') : undefined)
  const { resourceVersion: _version, selfLink: _link, managedFields: _fields, ...kept } = metadata
  const { kind: _kind, apiVersion: _api, metadata: _metadata, ...rest } = document
  const body: JsonObject = { kind: stated, apiVersion: storedApi(apiVersion), metadata: kept, ...rest }
  if (kind === 'Node' && body['status'] === undefined) body['status'] = {}
  return { ok: true, key, value: stringifyJson(body) }
}

const storedApi = (apiVersion: string): string => (CALICO_API.test(apiVersion) ? 'projectcalico.org/v3' : apiVersion)

function resourceKind(stated: string, apiVersion: string): ResourceKind | undefined {
  if (stated === 'Node')
    return CALICO_API.test(apiVersion) ? 'Node' : apiVersion === 'v1' ? 'KubernetesNode' : undefined
  if (!isResourceKind(stated)) return undefined
  const wanted = API_OF_KIND[stated]
  return (wanted === undefined ? CALICO_API.test(apiVersion) : apiVersion === wanted) ? stated : undefined
}

/** The kind of that name in other letters: `bgppeer`, `ipPool`, or the right name under a wrong API. */
function meantKind(stated: string): ResourceKind | undefined {
  return RESOURCE_KINDS.find((kind) => kind.toLowerCase() === stated.toLowerCase())
}

/** Of an API that is neither Calico's nor ours, and of a kind whose name says nothing here: no typing error. */
function isForeign(stated: string, apiVersion: string): boolean {
  if (/(^|\.)(projectcalico\.org|starling\.io)\//.test(apiVersion)) return false
  return stated === 'NetworkPolicy' || !isResourceKind(stated)
}

function affinityEntry(document: JsonObject, name: string): Mapped {
  const key = resourceKey('BlockAffinity', name)
  const decoded = decodeValue(key, stringifyJson(document), blockAffinitySchema)
  if (!decoded.ok) return decoded
  const { node, cidr, state, type, deleted } = decoded.value.spec
  return {
    ok: true,
    key: affinityKey(node, cidr.network, type ?? 'host'),
    value: stringifyJson({ state: state ?? 'confirmed', deleted: deleted === true || deleted === 'true' }),
  }
}

function literalEntry(document: JsonObject): Mapped {
  const { key, value } = document
  if (typeof key !== 'string' || parseKey(key) === undefined) return refuse('Entry', 'key', 'is not a known key')
  return { ok: true, key, value: typeof value === 'string' ? value : stringifyJson(value) }
}

function refuse(resource: string, field: string | undefined, message: string): Mapped & { readonly ok: false } {
  const problem: Problem = { severity: 'error', key: '', resource, message }
  return { ok: false, problems: [field === undefined ? problem : { ...problem, field }] }
}

/** The document that {@link mapDocument} turns into this entry; undefined for keys that are none of ours. */
export function toDocument(key: string, value: string): JsonObject | undefined {
  const name = parseKey(key)
  if (name === undefined) return undefined
  const content: JsonValue = value === '' ? '' : parseJson(value)
  if (name.type === 'resource') return isJsonObject(content) ? content : undefined
  if (name.type !== 'affinity') return { apiVersion: 'starling.io/v1', kind: 'Entry', key, value: content }
  const stored = isJsonObject(content) ? content : {}
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'BlockAffinity',
    metadata: { name: `${name.owner}-${name.cidr.replace(/[.:/]/g, '-')}` },
    spec: {
      state: stored['state'] || 'confirmed',
      node: name.owner,
      type: name.affinityType,
      cidr: name.cidr,
      deleted: String(stored['deleted'] ?? false),
    },
  }
}
