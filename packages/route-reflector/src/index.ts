/** `starling reflector`: a route reflector without a kernel. */
import { runUntilSignal, startOrStop } from '@starling/daemon'
import type { ReflectorOptions } from './options.js'
import { Reflector } from './reflector.js'

export type { ListenAddress, ReflectorOptions, StandaloneOptions } from './options.js'

/** Runs until a signal; resolves with the exit code. Rejects with words when it cannot start. */
export async function runReflector(options: ReflectorOptions): Promise<number> {
  const reflector = new Reflector(options)
  await startOrStop(reflector)
  return runUntilSignal(reflector, (text) => process.stderr.write(`${text}\n`))
}
