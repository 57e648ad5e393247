/**
 * Addresses that nobody uses any more, and blocks of nodes that are gone: what `ipam check` finds beside contradictions
 * in the books.
 *
 * Only what the datastore itself can tell: a node that has no resource, a tunnel address that its Node does not name, a
 * pod whose workload endpoint is not there (where there are workload endpoints at all: they are in the same etcd, or
 * nowhere). Nothing is released; that is for whoever knows why it is so.
 */
import {
  decodeEntry,
  isJsonObject,
  type JsonValue,
  kindPrefix,
  type NodeResource,
  parseJson,
} from '@starling/resources'
import { addressBytes, addressText } from './address.js'
import type { Block } from './block.js'
import type { IpamContext } from './context.js'
import { nodeOf } from './store.js'
import { TUNNELS } from './tunnel.js'

/** What is wrong in the books, and where. */
export interface IpamFault {
  readonly key: string
  readonly problem: string
}

/** Held by programs for the cluster as a whole; they are of no node. */
const NO_POD = 'hostLocal'

export async function leakFaults({ datastore }: IpamContext, blocks: Iterable<Block>): Promise<readonly IpamFault[]> {
  const nodes = new Map<string, NodeResource>()
  for (const { key, value } of (await datastore.list(kindPrefix('Node'))).entries) {
    const decoded = decodeEntry(key, value)
    if (decoded?.ok === true && decoded.value.kind === 'Node') nodes.set(decoded.value.metadata.name, decoded.value)
  }
  // Without a single Node this is a store of IPAM data alone: nothing can be told.
  if (nodes.size === 0) return []
  const endpoints = await workloadAddresses({ datastore })
  const faults: IpamFault[] = []
  for (const block of blocks) {
    const key = `block ${block.cidr}`
    const owner = nodeOf(block.affinity)
    if (owner !== undefined && !nodes.has(owner))
      faults.push({ key, problem: `belongs to ${owner}, and there is no such Node` })
    for (const { address, attributes, releasedAt } of block.allocations()) {
      const name = attributes['node']
      if (name === undefined || releasedAt !== undefined) continue
      const node = nodes.get(name)
      const tunnel = TUNNELS.find(({ type }) => type === attributes['type'])
      if (node === undefined) faults.push({ key, problem: `${address} is held for ${name}, and there is no such Node` })
      else if (tunnel !== undefined) {
        const named = tunnel.read(node)
        if (named !== address)
          faults.push({
            key,
            problem: `${address} is held as ${tunnel.type} of ${name}, which names ${named ?? 'none'}`,
          })
      } else if (
        attributes['type'] !== NO_POD &&
        attributes['pod'] !== undefined &&
        endpoints?.has(address) === false
      ) {
        const pod = `${attributes['namespace'] ?? ''}/${attributes['pod']}`
        faults.push({ key, problem: `${address} is held for pod ${pod}, which has no workload endpoint with it` })
      }
    }
  }
  return faults
}

/** Undefined where there is no workload endpoint at all. */
async function workloadAddresses({
  datastore,
}: Pick<IpamContext, 'datastore'>): Promise<ReadonlySet<string> | undefined> {
  const { entries } = await datastore.list(kindPrefix('WorkloadEndpoint'))
  if (entries.length === 0) return undefined
  const addresses = new Set<string>()
  for (const { value } of entries)
    for (const network of networksOf(value)) {
      const bytes = addressBytes(network.split('/')[0] ?? '')
      if (bytes !== undefined) addresses.add(addressText(bytes))
    }
  return addresses
}

function networksOf(text: string): readonly string[] {
  let document: JsonValue
  try {
    document = parseJson(text)
  } catch {
    return []
  }
  const spec = isJsonObject(document) ? document['spec'] : undefined
  const networks = isJsonObject(spec) ? spec['ipNetworks'] : undefined
  return Array.isArray(networks) ? networks.filter((item) => typeof item === 'string') : []
}
