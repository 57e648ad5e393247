/**
 * The cluster as the API shows it: nodes and blocks, out of the typed state and the snapshot. Built per request.
 */
import type { BlockView, NodeView } from '@starling/api'
import type { Snapshot } from '@starling/datastore'
import type { PeerView } from '@starling/engine'
import { Prefix } from '@starling/inet'
import type { ClusterState, Plan } from '@starling/intent'
import { type BlockValue, blockKey, decodeEntry, IPAM_PREFIX, parseKey } from '@starling/resources'

export function nodeViews(
  state: ClusterState,
  plan: Plan | undefined,
  self: string,
  peers: readonly PeerView[],
): NodeView[] {
  const byAddress = new Map<string, string[]>()
  for (const { remoteAddress, key } of peers)
    byAddress.set(remoteAddress, [...(byAddress.get(remoteAddress) ?? []), key])
  return state.nodes.all.map((node): NodeView => {
    const addresses = [node.ipv4?.address, node.ipv6?.address].filter((text) => text !== undefined)
    return {
      name: node.name,
      ...(node.ipv4 === undefined ? {} : { ipv4Address: node.ipv4.address }),
      ...(node.ipv6 === undefined ? {} : { ipv6Address: node.ipv6.address }),
      asNumber: node.asNumber ?? clusterAs(state, plan),
      asNumberInherited: node.asNumber === undefined,
      ...(node.clusterId === undefined ? {} : { routeReflectorClusterId: dotted(node.clusterId) }),
      labels: node.labels,
      blocks: state.affinities(node.name).length,
      local: node.name === self,
      peers: addresses.flatMap((address) => byAddress.get(address) ?? []),
    }
  })
}

function clusterAs(state: ClusterState, plan: Plan | undefined): number {
  return state.named('BGPConfiguration', 'default')?.spec.asNumber ?? plan?.identity.asNumber ?? 64512
}

/** Every block with an affinity; how full it is where block contents are followed. */
export function blockViews(state: ClusterState, snapshot: Snapshot, plan: Plan | undefined): BlockView[] {
  const originated = new Set(plan?.localRoutes.map(({ prefix }) => prefix))
  const pools = state.all('IPPool').map(({ metadata, spec }) => ({
    name: metadata.name,
    prefix: Prefix.parse(spec.cidr.network),
  }))
  const views: BlockView[] = []
  for (const { key } of snapshot.under(`${IPAM_PREFIX}host/`)) {
    const name = parseKey(key)
    if (name?.type !== 'affinity') continue
    const affinity = state.affinities(name.owner).find(({ cidr }) => cidr.network === name.cidr)
    const prefix = Prefix.parse(name.cidr)
    if (affinity === undefined || prefix === undefined) continue
    const contents = blockContents(snapshot, name.cidr)
    const pool = pools.find((candidate) => candidate.prefix?.contains(prefix) === true)?.name
    views.push({
      cidr: name.cidr,
      family: affinity.cidr.family,
      node: name.owner,
      state: affinity.state,
      ...(pool === undefined ? {} : { pool }),
      size: 2 ** ((affinity.cidr.family === 'ipv4' ? 32 : 128) - prefix.length),
      allocated: contents?.allocations.filter((index) => index !== null).length ?? 0,
      borrowed: contents === undefined ? 0 : borrowed(contents, name.owner),
      originated: originated.has(name.cidr),
    })
  }
  return views
}

function blockContents(snapshot: Snapshot, cidr: string): BlockValue | undefined {
  const entry = snapshot.get(blockKey(cidr))
  if (entry === undefined) return undefined
  const decoded = decodeEntry(entry.key, entry.value)
  return decoded?.ok === true && decoded.value.kind === 'IPAMBlock' ? decoded.value.value : undefined
}

/** calico.md 7.6: used on another node than the owner. Attributes without a node cannot be classified. */
function borrowed({ allocations, attributes }: BlockValue, owner: string): number {
  let count = 0
  for (const index of allocations) {
    const user = index === null ? undefined : attributes?.[index]?.secondary?.['node']
    if (user !== undefined && user !== owner) count++
  }
  return count
}

export function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}
