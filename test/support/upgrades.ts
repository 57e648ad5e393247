/**
 * Upgrades under a ping flood between two pods: the agent of one host, or either half of a separated one, is ended and
 * started again, by SIGKILL and SIGTERM in turn, and every packet is counted. Shared by the system test (a few rounds)
 * and `npm run bench -- upgrade` (as many as asked for).
 */

import { join } from 'node:path'
import { startPing } from '../kernel/rack.js'
import { type Agent, TwoHosts, until } from './agents.js'

export interface UpgradeResult {
  readonly rounds: number
  readonly sent: number
  readonly lost: number
  /** Milliseconds from the end of the old process until all is as before, slowest round. */
  readonly slowest: number
}

/** One packet every so many milliseconds. */
const INTERVAL_MS = 2

export async function upgrades(
  rounds: number,
  separated: boolean,
  progress: (text: string) => void = () => undefined,
): Promise<UpgradeResult> {
  const hosts = await new TwoHosts().start()
  try {
    const socket = join(hosts.folder, 'programmer.sock')
    const programmer = async (): Promise<Agent> => {
      const agent = hosts.run(hosts.n1, ['programmer', '--socket', socket])
      await until('the programmer listens', () => agent.said.includes('listening'))
      return agent
    }
    const node = () => hosts.node(1, separated ? ['--fib', `remote:${socket}`] : [])
    let [writer, speaker] = [separated ? await programmer() : undefined, node()]
    hosts.node(2)
    await hosts.converged()
    const ping = await startPing(hosts.pod1, '10.64.2.5', INTERVAL_MS)
    let slowest = 0
    for (let round = 0; round < rounds; round++) {
      const signal = round % 2 === 0 ? 'SIGKILL' : 'SIGTERM'
      const half = writer !== undefined && round % 4 >= 2 ? 'programmer' : 'node'
      await (half === 'node' ? speaker : writer)?.end(signal)
      const ended = performance.now()
      if (half === 'node') speaker = node()
      else writer = await programmer()
      await hosts.converged()
      const took = performance.now() - ended
      slowest = Math.max(slowest, took)
      progress(`round ${round + 1}: ${signal} of the ${half}, whole again after ${took.toFixed(0)} ms`)
    }
    const { sent, received } = await ping.stop()
    return { rounds, sent, lost: sent - received, slowest }
  } finally {
    await hosts.destroy()
  }
}
