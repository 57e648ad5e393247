/**
 * `starling check`: a set of documents judged as the writing client and the cluster would judge them together.
 *
 * Three layers: each document by itself (schema), rules between its fields, and rules between documents: names that
 * nothing answers to, two objects for one key, pools that overlap, peers that fight for one session.
 */
import { Prefix } from '@starling/inet'
import { decodeEntry, type Problem, type Resource, type ResourceOf, SCHEMAS } from './decode.js'
import { flattenDocument, mapDocument } from './document.js'
import { isJsonObject } from './json.js'
import { describeKey, resourceKey } from './keys.js'
import { lint } from './lint.js'
import { concerns, type Salvaged, salvage } from './salvage.js'
import { type PeerOptions, peerOptionFields } from './schema/peer-options.js'
import { type UnknownField, unknownFields, unknownHint, unknownMembers } from './unknown.js'

export interface CheckedDocument {
  /** `cluster/peers.yaml:12` or whatever tells people where to look. */
  readonly source: string
  readonly document: unknown
}

export interface CheckProblem extends Problem {
  readonly source: string
}

interface Checked {
  readonly source: string
  readonly key: string
  readonly resource: Resource
}

/** Kinds that people write, and whose every field is known here: what else they hold is a typing error or news. */
const TYPED_BY_HAND = [
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
  'IPPool',
  'IPReservation',
  'Node',
  'StarlingPeerOptions',
] as const
type HandWritten = (typeof TYPED_BY_HAND)[number]
const isHandWritten = (kind: string): kind is HandWritten => (TYPED_BY_HAND as readonly string[]).includes(kind)

const TOP_MEMBERS = ['apiVersion', 'kind', 'metadata', 'spec', 'status']
/** Of Kubernetes' ObjectMeta, which Calico's resources share. */
const METADATA_MEMBERS = [
  ...['name', 'namespace', 'labels', 'annotations', 'uid', 'creationTimestamp', 'resourceVersion', 'selfLink'],
  ...['generation', 'generateName', 'managedFields', 'finalizers', 'ownerReferences'],
  ...['deletionTimestamp', 'deletionGracePeriodSeconds', 'clusterName'],
]

/** `stored` tells of keys that stand in the datastore already: what documents name may be there instead of among them. */
export function checkDocuments(
  documents: readonly CheckedDocument[],
  stored: (key: string) => boolean = () => false,
): readonly CheckProblem[] {
  const problems: CheckProblem[] = []
  const sources = new Map<string, string>()
  const resources: Checked[] = []
  const partial = new Map<string, Salvaged>()
  for (const { source, document } of documents)
    for (const single of flattenDocument(document)) {
      const mapped = mapDocument(single)
      if (!mapped.ok) {
        const severity = mapped.foreign === true ? 'warning' : 'error'
        for (const problem of mapped.problems) problems.push({ ...problem, severity, source })
      }
      const rest = mapped.ok ? undefined : salvage(single)
      const key = mapped.ok ? mapped.key : rest?.key
      if (key === undefined) continue
      const first = sources.get(key)
      if (first !== undefined)
        problems.push(error(source, key, undefined, `is also defined in ${first}; only one can count`))
      sources.set(key, source)
      const decoded = mapped.ok ? decodeEntry(key, mapped.value) : undefined
      const resource =
        rest?.resource ?? (decoded?.ok === true && 'metadata' in decoded.value ? decoded.value : undefined)
      if (resource === undefined) continue
      if (rest !== undefined) partial.set(key, rest)
      resources.push({ source, key, resource })
      for (const { field, meant } of unknownIn(resource.kind, single)) {
        const hint = resource.kind === 'StarlingPeerOptions' ? unknownHint(field) : ''
        const advice = meant === undefined || hint !== '' ? hint : `; is ${meant} meant?`
        problems.push(warning(source, key, field, `is no field that Starling knows${advice}`))
      }
    }
  const across: CheckProblem[] = []
  for (const { source, key, resource } of resources)
    for (const { field, message } of lint(resource)) across.push(error(source, key, field, message))
  across.push(
    ...checkReferences(resources, stored),
    ...checkPools(resources),
    ...checkPeers(resources),
    ...checkOptions(resources),
  )
  const sound = across.filter((problem) => {
    const rest = partial.get(problem.key)
    return rest === undefined || !concerns(rest, problem)
  })
  return [...problems, ...sound]
}

function unknownIn(kind: string, document: unknown): readonly UnknownField[] {
  if (!isHandWritten(kind) || !isJsonObject(document)) return []
  return [
    ...unknownMembers(TOP_MEMBERS, document, ''),
    ...unknownMembers(METADATA_MEMBERS, document['metadata'], 'metadata'),
    ...unknownFields(SCHEMAS[kind].shape.spec, document['spec'], 'spec'),
  ]
}

function error(source: string, key: string, field: string | undefined, message: string): CheckProblem {
  const problem: CheckProblem = { severity: 'error', key, resource: describeKey(key), message, source }
  return field === undefined ? problem : { ...problem, field }
}

const warning = (source: string, key: string, field: string, message: string): CheckProblem => ({
  ...error(source, key, field, message),
  severity: 'warning',
})

type Of<K extends Resource['kind']> = Checked & { readonly resource: ResourceOf<K> }
function ofKind<K extends Resource['kind']>(resources: readonly Checked[], kind: K): readonly Of<K>[] {
  return resources.filter((checked): checked is Of<K> => checked.resource.kind === kind)
}

function checkReferences(resources: readonly Checked[], stored: (key: string) => boolean): CheckProblem[] {
  const problems: CheckProblem[] = []
  const names = (kind: Resource['kind']): Set<string> =>
    new Set(ofKind(resources, kind).map(({ resource }) => resource.metadata.name))
  const filters = names('BGPFilter')
  const missing = (kind: 'BGPFilter' | 'BGPPeer' | 'Node', known: Set<string>, name: string): boolean =>
    !known.has(name) && !stored(resourceKey(kind, name))
  const nodes = names('Node')
  const peers = names('BGPPeer')
  for (const { source, key, resource } of ofKind(resources, 'BGPPeer')) {
    resource.spec.filters.forEach((filter, i) => {
      if (missing('BGPFilter', filters, filter))
        problems.push(error(source, key, `spec.filters[${i}]`, `no BGPFilter '${filter}'`))
    })
    const { node } = resource.spec
    if (node !== undefined && nodes.size > 0 && missing('Node', nodes, node))
      problems.push(warning(source, key, 'spec.node', `no Node '${node}' among these documents`))
  }
  for (const { source, key, resource } of ofKind(resources, 'StarlingPeerOptions'))
    resource.spec.peers.forEach((peer, i) => {
      if (missing('BGPPeer', peers, peer)) problems.push(error(source, key, `spec.peers[${i}]`, `no BGPPeer '${peer}'`))
    })
  for (const { source, key, resource } of ofKind(resources, 'BGPConfiguration')) {
    const known = new Set(resource.spec.communities.map(({ name }) => name))
    resource.spec.prefixAdvertisements?.forEach(({ communities }, i) => {
      communities.forEach((community, j) => {
        if (/^[\d:]+$/.test(community) || known.has(community)) return
        const field = `spec.prefixAdvertisements[${i}].communities[${j}]`
        problems.push(error(source, key, field, `'${community}' is no community and no name in spec.communities`))
      })
    })
  }
  return problems
}

function checkPools(resources: readonly Checked[]): CheckProblem[] {
  const problems: CheckProblem[] = []
  const pools = ofKind(resources, 'IPPool').map((checked) => ({
    ...checked,
    prefix: Prefix.parse(checked.resource.spec.cidr.network) as Prefix,
  }))
  pools.forEach((pool, i) => {
    for (const other of pools.slice(0, i))
      if (pool.prefix.overlaps(other.prefix)) {
        const { name } = other.resource.metadata
        problems.push(error(pool.source, pool.key, 'spec.cidr', `overlaps ${other.prefix} of IPPool '${name}'`))
      }
  })
  return problems
}

/** Two BGPPeers for the same local nodes and remote address: only one of them can be the session. */
function checkPeers(resources: readonly Checked[]): CheckProblem[] {
  const problems: CheckProblem[] = []
  const first = new Map<string, string>()
  for (const { source, key, resource } of ofKind(resources, 'BGPPeer')) {
    const { node, nodeSelector, peerIP, peerSelector } = resource.spec
    if (peerIP === undefined && peerSelector === undefined) continue
    const remote = peerIP === undefined ? peerSelector : `${peerIP.text} ${peerIP.port ?? 179}`
    const scope = `${node ?? ''}|${nodeSelector ?? ''}|${remote}`
    const { name } = resource.metadata
    const other = first.get(scope)
    if (other === undefined) first.set(scope, name)
    else if (other !== name)
      problems.push(
        warning(source, key, 'spec', `same sessions as BGPPeer '${other}'; the first name in alphabetical order wins`),
      )
  }
  return problems
}

/** Two StarlingPeerOptions that name one BGPPeer and want different things of it: which of them counts must not surprise. */
function checkOptions(resources: readonly Checked[]): CheckProblem[] {
  const problems: CheckProblem[] = []
  const sorted = [...ofKind(resources, 'StarlingPeerOptions')].sort((a, b) => (a.key < b.key ? -1 : 1))
  const first = new Map<string, { readonly name: string; readonly text: string }>()
  for (const { source, key, resource } of sorted) {
    const { metadata, spec } = resource
    for (const peer of spec.peers)
      for (const field of Object.keys(peerOptionFields.shape) as (keyof PeerOptions)[]) {
        if (spec[field] === undefined) continue
        const place = `${spec.nodeSelector ?? ''}|${peer}|${field}`
        const text = JSON.stringify(spec[field])
        const before = first.get(place)
        if (before === undefined) first.set(place, { name: metadata.name, text })
        else if (before.text !== text) {
          const message = `StarlingPeerOptions '${before.name}' says otherwise for BGPPeer '${peer}' and counts: the first name in alphabetical order wins`
          problems.push(warning(source, key, `spec.${field}`, message))
        }
      }
  }
  return problems
}
