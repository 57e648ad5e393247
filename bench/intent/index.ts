/**
 * How long a node needs from keys to a plan: 5,000 nodes, 20,000 blocks, 200 BGPPeers, 50 filters.
 *
 * `npm run bench -- intent [--nodes N]`. Told are: decoding everything and the first plan (cold start), one whole plan, one
 * changed key to a new plan with the parts that did not change kept, and memory. Two cluster shapes: the full mesh (most sessions) and reflectors with selectors (most rules).
 * The fixture is generated from its sizes; nothing here is random.
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Entry, SortedSnapshot } from '@starling/datastore'
import { ClusterState, type Plan, plan } from '@starling/intent'

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
  readonly sessions: number
  /** Everything decoded, then the first plan, as a starting node does it. */
  readonly decodeMs: number
  readonly firstPlanMs: number
  /** Medians. */
  readonly planMs: number
  readonly changeMs: number
  readonly changeWorstMs: number
  /** Heap that the decoded cluster and one plan take. */
  readonly megabytes: number
}

const SHAPES = [
  { shape: 'mesh', mesh: true, node: 'node-7' },
  { shape: 'reflectors, a node', mesh: false, node: 'node-7' },
  { shape: 'reflectors, a reflector', mesh: false, node: 'node-1' },
]

export function run(args: string[] = []): readonly Figures[] {
  const { values } = parseArgs({ args, options: { nodes: { type: 'string', default: '5000' } } })
  const nodes = Number(values.nodes)
  const sizes: Sizes = { nodes, blocks: nodes * 4, peers: 200, filters: 50 }
  console.log(`${nodes} nodes, ${sizes.blocks} blocks, ${sizes.peers} BGPPeers, ${sizes.filters} filters`)
  const figures = SHAPES.map(({ shape, mesh, node }) => measure(shape, fixture(sizes, mesh), node, nodes))
  for (const { shape, sessions, ...times } of figures)
    console.log(
      `${shape.padEnd(24)} ${String(sessions).padStart(6)} sessions  decode ${ms(times.decodeMs)}  first plan ${ms(times.firstPlanMs)}  ` +
        `plan ${ms(times.planMs)}  one key to plan ${ms(times.changeMs)}, worst ${ms(times.changeWorstMs)}  ${times.megabytes.toFixed(0)} MB`,
    )
  return figures
}

const ms = (value: number): string => `${value.toFixed(1)} ms`.padStart(9)

function measure(shape: string, entries: Entry[], node: string, nodes: number): Figures {
  let snapshot = SortedSnapshot.from(entries, entries.length)
  let state = new ClusterState()
  const heap = heapUsed()
  const decodeMs = time(() => {
    state = ClusterState.from(snapshot)
  })
  let current: Plan | undefined
  const firstPlanMs = time(() => {
    current = plan(state, node)
  })
  const megabytes = (heapUsed() - heap) / 1e6
  const whole: number[] = []
  const change: number[] = []
  const key = `${RESOURCES}nodes/node-${nodes - 1}`
  for (let i = 0; i < 100; i++) {
    if (i % 5 === 0) whole.push(time(() => void plan(state, node)))
    const value = (snapshot.get(key) as Entry).value.replace(/"rack":"[^"]*"/, `"rack":"x${i}"`)
    const revision = entries.length + 1 + i
    snapshot = snapshot.with([{ key, after: { key, value, revision } }], revision)
    change.push(
      time(() => {
        state.update(snapshot, [key])
        current = plan(state, node, current === undefined ? {} : { previous: current })
      }),
    )
  }
  return {
    shape,
    sessions: current?.peers.size ?? 0,
    decodeMs,
    firstPlanMs,
    planMs: median(whole),
    changeMs: median(change),
    changeWorstMs: Math.max(...change),
    megabytes,
  }
}

/** After a full collection, which node offers only when asked. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}
