/**
 * How long a node needs from keys to a plan: 5,000 nodes, 20,000 blocks, 200 BGPPeers, 50 filters.
 *
 * Three times are told: decoding everything (cold start), one whole plan, and one changed key to a new plan with the parts
 * that did not change kept. Two cluster shapes: the full mesh (most sessions) and reflectors with selectors (most rules).
 * The fixture is generated from its sizes; nothing here is random.
 */
import { type Entry, SortedSnapshot } from '@starling/datastore'
import { ClusterState, plan } from '@starling/intent'

interface Sizes {
  readonly nodes: number
  readonly blocks: number
  readonly peers: number
  readonly filters: number
}

const RESOURCES = '/calico/resources/v3/projectcalico.org/'

export function fixture({ nodes, blocks, peers, filters }: Sizes, mesh: boolean): Entry[] {
  const entries: Entry[] = []
  const put = (key: string, value: unknown): void => {
    entries.push({
      key,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      revision: entries.length + 1,
    })
  }
  const resource = (plural: string, kind: string, name: string, spec: unknown, labels = {}): void =>
    put(`${RESOURCES}${plural}/${name}`, {
      kind,
      apiVersion: 'projectcalico.org/v3',
      metadata: { name, uid: `uid-${name}`, creationTimestamp: '2026-08-01T09:12:31Z', labels },
      spec,
      ...(kind === 'Node' ? { status: {} } : {}),
    })
  resource('bgpconfigurations', 'BGPConfiguration', 'default', { nodeToNodeMeshEnabled: mesh, asNumber: 64512 })
  resource('ippools', 'IPPool', 'default-ipv4-ippool', { cidr: '10.0.0.0/8', ipipMode: 'CrossSubnet', blockSize: 26 })
  resource('ippools', 'IPPool', 'default-ipv6-ippool', { cidr: 'fd00:10::/48', blockSize: 122 })
  const racks = 50
  for (let i = 0; i < nodes; i++) {
    const reflector = !mesh && i < 4
    const bgp = {
      ipv4Address: `172.16.${i >> 8}.${i & 255}/16`,
      ipv6Address: `fd00:a::${(i + 1).toString(16)}/64`,
      ...(reflector ? { routeReflectorClusterID: '244.0.0.1' } : {}),
    }
    const labels = {
      rack: `r${i % racks}`,
      'kubernetes.io/hostname': `node-${i}`,
      ...(reflector ? { rr: 'true' } : {}),
    }
    resource('nodes', 'Node', `node-${i}`, { bgp, orchRefs: [{ nodeName: `node-${i}`, orchestrator: 'k8s' }] }, labels)
  }
  for (let i = 0; i < blocks; i++) {
    const cidr = `10.${(i >> 10) & 255}.${(i >> 2) & 255}.${(i & 3) * 64}-26`
    put(`/calico/ipam/v2/host/node-${i % nodes}/ipv4/block/${cidr}`, '{"state":"confirmed","deleted":false}')
  }
  for (let i = 0; i < filters; i++)
    resource('bgpfilters', 'BGPFilter', `filter-${i}`, {
      exportV4: [{ cidr: `10.${i}.0.0/16`, matchOperator: 'In', action: 'Accept' }, { action: 'Reject' }],
      importV4: [{ cidr: '0.0.0.0/0', matchOperator: 'Equal', action: 'Reject' }],
    })
  if (!mesh) resource('bgppeers', 'BGPPeer', 'aa-reflectors', { nodeSelector: 'all()', peerSelector: "rr == 'true'" })
  for (let i = 0; i < peers; i++)
    resource('bgppeers', 'BGPPeer', `tor-${i}`, {
      nodeSelector: `rack == 'r${i % racks}'`,
      peerIP: `192.0.2.${i}`,
      asNumber: 65000 + i,
      filters: [`filter-${i % Math.max(1, filters)}`],
    })
  return entries
}

function time(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0

export interface Figures {
  readonly shape: string
  readonly node: string
  readonly sessions: number
  readonly decodeMs: number
  readonly firstPlanMs: number
  readonly planMs: number
  readonly changeMs: number
}

export function run(args: readonly string[] = []): Figures[] {
  const nodes = Number(args[0] ?? 5000)
  const sizes: Sizes = { nodes, blocks: nodes * 4, peers: 200, filters: 50 }
  const figures: Figures[] = []
  const cases = [
    { shape: 'mesh', mesh: true, node: 'node-7' },
    { shape: 'reflectors, a node', mesh: false, node: 'node-7' },
    { shape: 'reflectors, a reflector', mesh: false, node: 'node-1' },
  ]
  for (const { shape, mesh, node } of cases) {
    const entries = fixture(sizes, mesh)
    let snapshot = SortedSnapshot.from(entries, entries.length)
    let state = new ClusterState()
    const decodeMs = time(() => {
      state = ClusterState.from(snapshot)
    })
    let current = plan(state, node)
    const firstPlanMs =
      time(() => {
        current = plan(ClusterState.from(snapshot), node)
      }) - decodeMs
    const whole: number[] = []
    const change: number[] = []
    const key = `${RESOURCES}nodes/node-${nodes - 1}`
    for (let i = 0; i < 15; i++) {
      whole.push(time(() => void plan(state, node)))
      const value = (snapshot.get(key) as Entry).value.replace(/"rack":"[^"]*"/, `"rack":"x${i}"`)
      snapshot = snapshot.with([{ key, after: { key, value, revision: 1_000_000 + i } }], 1_000_000 + i)
      change.push(
        time(() => {
          state.update(snapshot, [key])
          current = plan(state, node, { previous: current })
        }),
      )
    }
    figures.push({
      shape,
      node,
      sessions: current.peers.size,
      decodeMs,
      firstPlanMs: Math.max(0, firstPlanMs),
      planMs: median(whole),
      changeMs: median(change),
    })
  }
  for (const figure of figures) console.log(JSON.stringify(figure))
  return figures
}
