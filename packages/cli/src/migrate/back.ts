/**
 * The way back, from what the marks say an earlier run did: the mesh comes on first, reflectors return to it one after
 * another, and only the BGPPeers that were made go. Pure.
 *
 * A reflector leaves only while every node of the mesh is Established with every other, so the last one is never what a
 * node depends on. Reflectors with blocks return first: the ones that remain still carry the routes to them.
 */
import { isJsonObject, type Patch, resourceKey } from '@starling/resources'
import { type Cluster, CONFIGURATION, documentAt, MARK, type Member, markAt, marked, nodeKey } from './cluster.js'
import { CLIENTS_PEER, REFLECTORS_PEER } from './forward.js'
import type { Migration, Step, Write } from './steps.js'

export function planBack(cluster: Cluster): Migration {
  const { entries, members } = cluster
  const reflectors = [...marked(cluster)].sort(
    (a, b) => Number(b.ownsBlocks) - Number(a.ownsBlocks) || (a.name < b.name ? -1 : 1),
  )
  const names = new Set(reflectors.map(({ name }) => name))
  const clients = members.filter(({ name, reflector }) => !reflector && !names.has(name))
  const inMesh = [...clients]
  const steps: Step[] = []
  if (markAt(entries, CONFIGURATION) !== undefined) {
    steps.push({ id: 'mesh on', title: 'the mesh comes on', writes: [meshOn(cluster)], decisive: false })
  }
  for (const [at, member] of reflectors.entries()) {
    const write = memberWrite(cluster, member)
    const leaves = write.change.includes('cluster id')
    const last = at === reflectors.length - 1
    steps.push({
      id: `return ${member.name}`,
      title: `${member.name} is no reflector any more: ${write.change}`,
      writes: [write],
      before: { mesh: [...inMesh] },
      decisive: true,
      ...(last && member.ownsBlocks && leaves ? { gap: member } : {}),
    })
    if (leaves) inMesh.push(member)
  }
  const made = [CLIENTS_PEER, REFLECTORS_PEER].filter(
    (name) => markAt(entries, resourceKey('BGPPeer', name)) !== undefined,
  )
  if (made.length > 0) {
    steps.push({
      id: 'peers go',
      title: 'the BGPPeers of the migration go',
      writes: made.map((name) => ({
        key: resourceKey('BGPPeer', name),
        resource: `BGPPeer/${name}`,
        change: 'removed',
        remove: true,
      })),
      before: { mesh: [...inMesh] },
      decisive: true,
    })
  }
  const refusals =
    steps.length === 0 || cluster.mesh || markAt(entries, CONFIGURATION) !== undefined
      ? []
      : ['the mesh is off, and not through this command: turn it on first']
  return { direction: 'mesh', reflectors, clients, refusals, warnings: [], steps, after: { mesh: inMesh } }
}

/** A configuration that was made for this stays, without what it was made for: others may have added to it. */
function meshOn({ entries }: Cluster): Write {
  const mark = markAt(entries, CONFIGURATION) ?? {}
  const spec: Record<string, Patch | null> = { nodeToNodeMeshEnabled: null }
  for (const [field, value] of Object.entries(mark)) if (field !== 'created') spec[field] = value as Patch | null
  return {
    key: CONFIGURATION,
    resource: 'BGPConfiguration/default',
    change: `nodeToNodeMeshEnabled: ${spec['nodeToNodeMeshEnabled'] === null ? 'default (true)' : 'true'}`,
    patch: { metadata: { annotations: { [MARK]: null } }, spec },
  }
}

/** Only what the run had added; a label that stood there gets its old value. */
function memberWrite({ entries }: Cluster, { name }: Member): Write {
  const key = nodeKey(name)
  const { label, before, clusterId } = markAt(entries, key) ?? {}
  const bgp = bgpOf(documentAt(entries, key))
  // Somebody may have given it another id since: that one is theirs.
  const own = clusterId !== undefined && bgp?.['routeReflectorClusterID'] === clusterId
  const changes = [
    ...(own ? [`without cluster id ${String(clusterId)}`] : []),
    ...(typeof label === 'string' ? [`label ${label} ${typeof before === 'string' ? `= ${before}` : 'removed'}`] : []),
  ]
  return {
    key,
    resource: `Node/${name}`,
    change: changes.length === 0 ? 'the mark is removed' : changes.join(', '),
    patch: {
      metadata: {
        annotations: { [MARK]: null },
        ...(typeof label === 'string' ? { labels: { [label]: before ?? null } } : {}),
      },
      ...(own ? { spec: { bgp: { routeReflectorClusterID: null } } } : {}),
    },
  }
}

function bgpOf(document: unknown) {
  const spec = isJsonObject(document) ? document['spec'] : undefined
  const bgp = isJsonObject(spec) ? spec['bgp'] : undefined
  return isJsonObject(bgp) ? bgp : undefined
}
