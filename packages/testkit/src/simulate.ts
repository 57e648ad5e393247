/**
 * One large cluster, measured: how long it takes to converge in simulated time, how many messages that costs, how the loss
 * and return of a reflector look. `npm run simulate` prints what comes out of here.
 */
import { Cluster } from './cluster.js'
import { DEFAULT_NETWORK } from './network.js'

export interface SimulateOptions {
  readonly nodes: number
  readonly reflectors: number
  /** Every how manyth node originates a route. */
  readonly originEvery: number
  readonly seed: number
}

export interface SimulateReport {
  readonly nodes: number
  readonly routes: number
  /** Simulated milliseconds from power-on to everybody having everything. */
  readonly convergence: number
  readonly messagesOfReflector: number
  /** The largest difference any member showed while a reflector was away; 0 = nobody lost a route. */
  readonly lostDuringFailure: number
  /** Simulated milliseconds until the returned reflector had all its sessions. */
  readonly recovery: number
  /** Engine steps, for comparing runs. */
  readonly steps: number
  /** Octets of the first reflector's tables. */
  readonly reflectorMemory: number
}

export const LARGE: SimulateOptions = { nodes: 5_000, reflectors: 2, originEvery: 50, seed: 1 }

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
    network: { ...DEFAULT_NETWORK, chunking: false },
    node: { workDelay: 2, workLimit: 4_096 },
  })
  progress(`${options.nodes} nodes and ${options.reflectors} reflectors are built`)
  let routes = 0
  for (const [index, address] of cluster.clients().entries()) {
    if (index % options.originEvery !== 0) continue
    cluster.announce(address, `10.${100 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) * 4}/30`)
    routes++
  }
  if (!cluster.settle(120_000, 100))
    throw new Error(`not converged: ${cluster.allDifferences().slice(0, 5).join('; ')}`)
  const convergence = cluster.clock.now
  progress(`converged after ${convergence} ms of simulated time`)
  const [first = '', second = ''] = cluster.reflectors()
  const messages = cluster
    .node(first)
    .engine.peers()
    .reduce((sum, peer) => sum + peer.messagesSent.total + peer.messagesReceived.total, 0)
  const reflectorMemory = cluster.node(first).engine.memory().bytes

  cluster.node(first).kill()
  let lost = 0
  for (let i = 0; i < 5; i++) {
    cluster.clock.run(400)
    lost = Math.max(lost, cluster.allDifferences().length)
  }
  progress(`one reflector lost: ${lost} differences`)
  cluster.revive(first, false)
  const back = cluster.clock.now
  const complete = () =>
    cluster
      .node(first)
      .engine.peers()
      .every(({ state }) => state === 'Established')
  while (!complete()) {
    cluster.clock.run(250)
    if (cluster.clock.now - back > 300_000) throw new Error('the returned reflector did not get its sessions back')
  }
  const recovery = cluster.clock.now - back
  if (!cluster.settle(60_000, 250)) throw new Error('not converged after the return of the reflector')
  if (second !== '' && cluster.node(second).engine.internalErrors > 0) throw new Error('internal errors')
  return {
    nodes: options.nodes,
    routes,
    convergence,
    messagesOfReflector: messages,
    lostDuringFailure: lost,
    recovery,
    steps: cluster.clock.steps,
    reflectorMemory,
  }
}
