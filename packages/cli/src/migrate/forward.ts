/**
 * From node mesh to reflectors, as steps (calico.md 2.3 to 2.5). Pure.
 *
 *   1. BGPPeers: everybody to whoever carries the label, reflectors among themselves. Nobody carries it yet.
 *   2. One node after another gets the label and a cluster id in one write: it leaves the mesh and is a reflector. The next one
 *      only when everybody is Established with those before. Nodes without blocks first: nobody sends packets to them.
 *   3. The mesh goes off, when every node has two reflectors in each of its families.
 *
 * The state after the last step is planned for every node, by the planner the nodes themselves use, before the first is taken.
 */
import { plan } from '@starling/intent'
import { isJsonObject, type JsonObject, matches, parseSelector, resourceKey, stringifyJson } from '@starling/resources'
import {
  addressesOf,
  type Cluster,
  CONFIGURATION,
  clusterOf,
  documentAt,
  familyOf,
  MARK,
  type Member,
  markAt,
  marked,
  nodeKey,
} from './cluster.js'
import { afterSteps, type Demand, type Migration, type Step, type Write } from './steps.js'

export interface ForwardRequest {
  /** Names; with the selector empty as well: those that an earlier run marked. */
  readonly reflectors: readonly string[]
  readonly selector?: string
  readonly label: { readonly key: string; readonly value: string }
}

export const LEAST = 2
export const CLIENTS_PEER = 'mesh-to-reflectors-clients'
export const REFLECTORS_PEER = 'mesh-to-reflectors-reflectors'

export function planForward(cluster: Cluster, request: ForwardRequest): Migration {
  const refusals: string[] = []
  const warnings: string[] = []
  const reflectors = chosen(cluster, request, refusals)
  const names = new Set(reflectors.map(({ name }) => name))
  const clients = cluster.members.filter(({ name, reflector }) => !names.has(name) && !reflector)
  refuseUnfit(cluster, reflectors, clients, refusals)
  warn(cluster, reflectors, warnings)
  const after: Demand = { with: reflectors, least: LEAST, clients }
  const steps = refusals.length > 0 ? [] : stepsOf(cluster, request, reflectors, clients, after)
  if (refusals.length === 0) refuseUnplanned(cluster, steps, reflectors, clients, refusals)
  return { direction: 'reflectors', reflectors, clients, refusals, warnings, steps, after }
}

/** Those without blocks first, then by name. */
function chosen(cluster: Cluster, { reflectors, selector }: ForwardRequest, refusals: string[]): Member[] {
  const { members, state } = cluster
  const known = new Map(members.map((member) => [member.name, member]))
  const names = new Set(reflectors)
  if (selector !== undefined) {
    const parsed = parseSelector(selector)
    for (const { name, labels } of state.nodes.all) if (matches(parsed, labels)) names.add(name)
  }
  // Whoever was begun with belongs to it: a second run may not leave one out by another choice of names.
  for (const { name } of marked(cluster)) names.add(name)
  for (const name of names) {
    if (known.has(name)) continue
    refusals.push(state.nodes.get(name) === undefined ? `there is no Node ${name}` : `Node ${name} has no BGP address`)
  }
  const found = [...names].flatMap((name) => known.get(name) ?? [])
  if (found.length < LEAST && refusals.length === 0) {
    refusals.push(
      `${found.length} reflector${found.length === 1 ? '' : 's'} chosen: without the mesh every node needs two, so that one may die`,
    )
  }
  return found.sort((a, b) => Number(a.ownsBlocks) - Number(b.ownsBlocks) || (a.name < b.name ? -1 : 1))
}

function refuseUnfit(
  { state, globalAs, mesh, entries }: Cluster,
  reflectors: readonly Member[],
  clients: readonly Member[],
  refusals: string[],
): void {
  for (const { severity, resource, field, message } of state.problems) {
    if (severity === 'error') refusals.push(`${resource}${field === undefined ? '' : ` ${field}`}: ${message}`)
  }
  if (!mesh && markAt(entries, CONFIGURATION) === undefined)
    refusals.push('the mesh is off already, and not through this command: there is nothing to move away from')
  const families = new Set(clients.flatMap(({ addresses }) => addresses.map(familyOf)))
  for (const { name, addresses } of reflectors) {
    const own = new Set(addresses.map(familyOf))
    const lacks = [...families].filter((family) => !own.has(family))
    if (lacks.length > 0) refusals.push(`Node ${name} has no ${lacks.join(' and no ')} address, and clients have`)
  }
  const asOf = ({ name }: Member): number => state.nodes.get(name)?.asNumber ?? globalAs
  const [first] = reflectors
  if (first === undefined) return
  const others = [...reflectors, ...clients].filter((member) => asOf(member) !== asOf(first))
  if (others.length > 0) {
    refusals.push(
      `reflection is for one AS (RFC 4456): ${first.name} is in AS ${asOf(first)}, ${listed(others.map((each) => `${each.name} in AS ${asOf(each)}`))}`,
    )
  }
}

function warn({ state, members }: Cluster, reflectors: readonly Member[], warnings: string[]): void {
  const names = new Set(reflectors.map(({ name }) => name))
  for (const { name, reflector } of members)
    if (reflector && !names.has(name))
      warnings.push(`Node ${name} is a reflector and stays as it is: it is not counted`)
  for (const { metadata, spec } of state.all('StarlingPeerOptions')) {
    if (spec.mesh === true)
      warnings.push(
        `StarlingPeerOptions ${metadata.name} is for mesh sessions: add ${CLIENTS_PEER} and ${REFLECTORS_PEER} to its peers`,
      )
  }
}

function stepsOf(
  cluster: Cluster,
  { label }: ForwardRequest,
  reflectors: readonly Member[],
  clients: readonly Member[],
  after: Demand,
): Step[] {
  const { entries, mesh } = cluster
  const steps: Step[] = []
  const missing = [CLIENTS_PEER, REFLECTORS_PEER].filter((name) => !entries.has(resourceKey('BGPPeer', name)))
  if (missing.length > 0) {
    steps.push({
      id: 'peers',
      title: `BGPPeers for whoever has ${label.key}=${label.value}; nobody has it through this step`,
      writes: missing.map((name) => peerWrite(cluster, name, label)),
      decisive: false,
    })
  }
  const taken = new Set(cluster.state.nodes.all.flatMap(({ clusterId }) => clusterId ?? []))
  const inPlace: Member[] = []
  for (const member of reflectors) {
    const write = reflectorWrite(cluster, member, label, taken)
    if (write !== undefined) {
      const alone = inPlace.length === 0
      steps.push({
        id: `reflector ${member.name}`,
        title: `${member.name} becomes a reflector: ${write.change}`,
        writes: [write],
        decisive: false,
        ...(alone ? {} : { before: { with: [...inPlace], least: inPlace.length, clients } }),
        ...(alone && member.ownsBlocks && !member.reflector ? { gap: member } : {}),
      })
    }
    inPlace.push(member)
  }
  if (mesh)
    steps.push({
      id: 'mesh off',
      title: 'the mesh goes off',
      writes: [meshOff(cluster)],
      before: after,
      decisive: true,
    })
  return steps
}

/** What protects a mesh session protects the one that takes its place. */
function peerWrite({ entries }: Cluster, name: string, { key, value }: ForwardRequest['label']): Write {
  const spec = documentAt(entries, CONFIGURATION)?.['spec']
  const has = `${key} == '${value}'`
  const from = isJsonObject(spec) ? spec : {}
  const peer: JsonObject = {
    nodeSelector: name === CLIENTS_PEER ? `!(${has})` : has,
    peerSelector: has,
    ...(from['nodeMeshPassword'] === undefined ? {} : { password: from['nodeMeshPassword'] }),
    ...(from['nodeMeshMaxRestartTime'] === undefined ? {} : { maxRestartTime: from['nodeMeshMaxRestartTime'] }),
  }
  return {
    key: resourceKey('BGPPeer', name),
    resource: `BGPPeer/${name}`,
    change: `${peer['nodeSelector']} with ${has}`,
    create: { kind: 'BGPPeer', name, annotations: { [MARK]: '{}' }, spec: peer },
  }
}

function reflectorWrite(
  { state, entries }: Cluster,
  { name }: Member,
  label: ForwardRequest['label'],
  taken: Set<number>,
): Write | undefined {
  const node = state.nodes.get(name)
  const before = node?.labels[label.key]
  const labelled = before === label.value
  const key = nodeKey(name)
  const earlier = markAt(entries, key)
  // One that was a reflector before is marked too: a second run must not forget it.
  if (node === undefined || (labelled && node.clusterId !== undefined && earlier !== undefined)) return undefined
  const clusterId = node.clusterId === undefined ? freeClusterId(taken) : undefined
  const mark = earlier ?? {
    ...(labelled ? {} : { label: label.key, before: before ?? null }),
    ...(clusterId === undefined ? {} : { clusterId }),
  }
  return {
    key,
    resource: `Node/${name}`,
    change: [
      ...(labelled && clusterId === undefined ? ['as it is'] : []),
      ...(labelled ? [] : [`label ${label.key}=${label.value}`]),
      ...(clusterId === undefined ? [] : [`cluster id ${clusterId}`]),
    ].join(', '),
    patch: {
      metadata: { labels: { [label.key]: label.value }, annotations: { [MARK]: stringifyJson(mark) } },
      ...(clusterId === undefined ? {} : { spec: { bgp: { routeReflectorClusterID: clusterId } } }),
    },
  }
}

/** Each its own, so that each keeps the other's paths as well (RFC 4456 section 8). */
function freeClusterId(taken: Set<number>): string {
  for (let host = 1; ; host++) {
    const id = 244 * 2 ** 24 + host
    if (taken.has(id)) continue
    taken.add(id)
    return `244.${(host >>> 16) & 0xff}.${(host >>> 8) & 0xff}.${host & 0xff}`
  }
}

/** A mesh password and restart time need a mesh (calico.md 1.4): they go with it, remembered for the way back. */
function meshOff({ entries }: Cluster): Write {
  const document = documentAt(entries, CONFIGURATION)
  const spec = document?.['spec']
  const from = isJsonObject(spec) ? spec : {}
  const kept = ['nodeToNodeMeshEnabled', 'nodeMeshPassword', 'nodeMeshMaxRestartTime']
  const mark = stringifyJson(
    document === undefined ? { created: true } : Object.fromEntries(kept.map((field) => [field, from[field] ?? null])),
  )
  const what = { key: CONFIGURATION, resource: 'BGPConfiguration/default', change: 'nodeToNodeMeshEnabled: false' }
  if (document === undefined) {
    const create = {
      kind: 'BGPConfiguration',
      name: 'default',
      annotations: { [MARK]: mark },
      spec: { nodeToNodeMeshEnabled: false },
    }
    return { ...what, create }
  }
  return {
    ...what,
    patch: {
      metadata: { annotations: { [MARK]: mark } },
      spec: { nodeToNodeMeshEnabled: false, nodeMeshPassword: null, nodeMeshMaxRestartTime: null },
    },
  }
}

/** The end, as the nodes themselves would plan it: every client must have its sessions, and nothing may hold them down. */
function refuseUnplanned(
  { entries }: Cluster,
  steps: readonly Step[],
  reflectors: readonly Member[],
  clients: readonly Member[],
  refusals: string[],
): void {
  const { state } = clusterOf(afterSteps(entries, steps))
  const addresses = new Set(reflectors.flatMap(({ addresses }) => addresses))
  const secrets = meshSecret(entries)
  for (const { name } of clients) {
    const node = state.nodes.get(name)
    const peers = [...plan(state, name, { secrets }).peers.values()].filter(({ config }) =>
      addresses.has(config.remoteAddress),
    )
    const held = peers.find(({ config }) => (config.heldDown ?? '') !== '')
    if (held !== undefined) refusals.push(`${name} would hold ${held.config.name} down: ${held.config.heldDown}`)
    for (const family of new Set((node === undefined ? [] : addressesOf(node)).map(familyOf))) {
      const found = peers.filter(({ config }) => familyOf(config.remoteAddress) === family).length
      if (found < LEAST) refusals.push(`${name} would have ${found} ${family} sessions with reflectors`)
    }
  }
}

/** The mesh runs with its password, so the nodes have it: here it only must not be missed. */
function meshSecret(entries: Cluster['entries']): ReadonlyMap<string, string> {
  const { state } = clusterOf(entries)
  const source = state.named('BGPConfiguration', 'default')?.spec.nodeMeshPassword?.secretKeyRef
  return new Map(source === undefined ? [] : [[`${source.name}/${source.key}`, 'known to the nodes']])
}

export function listed(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).join(', ')
  return items.length > most ? `${shown} and ${items.length - most} more` : shown
}
