/** `starling node`: the agent of one node. */
import { runUntilSignal, startOrStop } from '@starling/daemon'
import { NodeAgent } from './agent.js'
import type { NodeOptions } from './options.js'

export type { NodeOptions } from './options.js'

/** Runs until a signal; resolves with the exit code. Rejects with words when it cannot start. */
export async function runNode(options: NodeOptions): Promise<number> {
  const agent = await NodeAgent.create(options)
  await startOrStop(agent)
  return runUntilSignal(agent, (text) => process.stderr.write(`${text}\n`))
}
export { readSecrets, readWorkloads } from './folders.js'
export { workloadOptions } from './workloads.js'
