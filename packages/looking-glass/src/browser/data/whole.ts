/** Lists that are needed whole for a drawing: fetched page by page, bounded. */
import { getJson, pathOf } from './request.js'
import type { Node, NodesPage, Peer, PeersPage, Summary } from './types.js'

/** Largest page of the API. */
const PAGE = 1000
const MOST_NODES = 10_000
const MOST_OUTSIDE = 1000

export async function allNodes(): Promise<readonly Node[]> {
  const nodes: Node[] = []
  let cursor: string | undefined
  do {
    const page: NodesPage = await getJson<NodesPage>(pathOf('v1/nodes', { limit: PAGE, cursor }))
    nodes.push(...page.nodes)
    cursor = page.next
  } while (cursor !== undefined && nodes.length < MOST_NODES)
  return nodes
}

/**
 * Peers that may stand outside of all nodes: every kind but the mesh. A reflector with thousands of clients has them on
 * nodes; there only the first thousand are looked at.
 */
export async function outsidePeers(): Promise<readonly Peer[]> {
  const { sessions } = await getJson<Summary>('v1/summary')
  const kinds = Object.keys(sessions).filter((kind) => kind !== 'mesh')
  const pages = await Promise.all(
    kinds.map((kind) => getJson<PeersPage>(pathOf('v1/peers', { kind, limit: MOST_OUTSIDE }))),
  )
  return pages.flatMap(({ peers }) => peers)
}
