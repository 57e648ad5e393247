/**
 * One large cluster, measured: how long it takes to converge in simulated time, how many messages that costs, how the loss
 * and return of a reflector look. `npm run simulate` prints what comes out of here.
 */
import { Cluster } from './cluster.js'
import { DEFAULT_NETWORK } from './network.js'

export interface SimulateOptions {
  readonly nodes: number
  /** Of the only level, or of each group. */
  readonly reflectors: number
  /** Groups of nodes with reflectors of their own, below a pair of their own; 1 = flat. */
  readonly groups: number
  /** Every how manyth node originates a route. */
  readonly originEvery: number
  readonly seed: number
}

/** One reflector, as it is when all have converged. */
export interface ReflectorReport {
  readonly sessions: number
  readonly prefixes: number
  readonly paths: number
  /** Octets of its tables. */
  readonly tables: number
  readonly messagesReceived: number
  readonly messagesSent: number
}

export interface SimulateReport {
  readonly nodes: number
  readonly groups: number
  readonly routes: number
  /** Simulated milliseconds from power-on to everybody having everything. */
  readonly convergence: number
  /** Simulated milliseconds until one more route has reached everybody, and until it is gone. */
  readonly oneRoute: number
  readonly oneWithdrawal: number
  /** One the nodes speak to, and (in a hierarchy) one of the pair above. */
  readonly reflector: ReflectorReport
  readonly top?: ReflectorReport
  /** Paths a node holds. */
  readonly pathsOfNode: number
  /** The largest difference any member showed while a reflector was away; 0 = nobody lost a route. */
  readonly lostDuringFailure: number
  /** Simulated milliseconds until the returned reflector had all its sessions. */
  readonly recovery: number
  /** Steps of the simulated clock, for comparing runs. */
  readonly steps: number
}

export const LARGE: SimulateOptions = { nodes: 5_000, reflectors: 2, groups: 5, originEvery: 10, seed: 1 }

function reportOf(cluster: Cluster, address: string): ReflectorReport {
  const { engine } = cluster.node(address)
  const peers = engine.peers()
  const { prefixes, paths, bytes } = engine.memory()
  return {
    sessions: peers.filter(({ state }) => state === 'Established').length,
    prefixes,
    paths,
    tables: bytes,
    messagesReceived: peers.reduce((sum, { messagesReceived }) => sum + messagesReceived.total, 0),
    messagesSent: peers.reduce((sum, { messagesSent }) => sum + messagesSent.total, 0),
  }
}

function settled(cluster: Cluster, limit: number, step: number, what: string): number {
  const begin = cluster.clock.now
  if (!cluster.settle(limit, step)) {
    throw new Error(`not converged (${what}): ${cluster.allDifferences().slice(0, 5).join('; ')}`)
  }
  return cluster.clock.now - begin
}

/** Runs it; `progress` hears of each stage. Throws when it does not converge. */
export function simulate(
  options: SimulateOptions = LARGE,
  progress: (text: string) => void = () => undefined,
): SimulateReport {
  const cluster = new Cluster({
    seed: options.seed,
    shape: 'reflected',
    nodes: options.nodes,
    reflectors: options.reflectors,
    groups: options.groups,
    network: { ...DEFAULT_NETWORK, chunking: false },
    node: { workDelay: 2, workLimit: 4_096 },
  })
  progress(`${options.nodes} nodes and ${cluster.reflectors().length} reflectors are built`)
  let routes = 0
  for (const [index, address] of cluster.clients().entries()) {
    if (index % options.originEvery !== 0) continue
    cluster.announce(address, blockOf(index))
    routes++
  }
  const convergence = settled(cluster, 120_000, 20, 'start')
  progress(`converged after ${convergence} ms of simulated time`)
  const [first = ''] = cluster.reflectorsOfGroup(0)
  const [top = ''] = cluster.top()
  const reflector = reportOf(cluster, first)
  const topReport = options.groups > 1 ? { top: reportOf(cluster, top) } : {}
  const last = cluster.clients().at(-1) ?? ''
  const pathsOfNode = cluster.node(last).engine.memory().paths
  cluster.announce(last, '10.99.0.0/24')
  const oneRoute = settled(cluster, 10_000, 1, 'one route')
  cluster.withdraw(last, '10.99.0.0/24')
  const oneWithdrawal = settled(cluster, 10_000, 1, 'one withdrawal')
  progress(`one route more reached all after ${oneRoute} ms, and was gone after ${oneWithdrawal} ms`)

  cluster.node(first).kill()
  let lost = 0
  for (let i = 0; i < 5; i++) {
    cluster.clock.run(400)
    lost = Math.max(lost, cluster.allDifferences().length)
  }
  progress(`one reflector lost: ${lost} differences`)
  cluster.revive(first, false)
  const back = cluster.clock.now
  const complete = () => reportOf(cluster, first).sessions >= reflector.sessions
  while (!complete()) {
    cluster.clock.run(250)
    if (cluster.clock.now - back > 300_000) throw new Error('the returned reflector did not get its sessions back')
  }
  const recovery = cluster.clock.now - back
  settled(cluster, 60_000, 250, 'return of the reflector')
  for (const [address, { engine }] of cluster.nodes) {
    if (engine.internalErrors > 0) throw new Error(`${address}: ${engine.lastInternalError}`)
  }
  return {
    nodes: options.nodes,
    groups: options.groups,
    routes,
    convergence,
    oneRoute,
    oneWithdrawal,
    reflector,
    ...topReport,
    pathsOfNode,
    lostDuringFailure: lost,
    recovery,
    steps: cluster.clock.steps,
  }
}

function blockOf(index: number): string {
  return `10.${100 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) * 4}/30`
}
