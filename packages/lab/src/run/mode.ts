/**
 * How a lab can run on this machine: namespaces as root; the same inside a user namespace, by starting ourselves anew
 * through unshare(1) (a process with threads cannot enter one itself); or loopback addresses and routes in memory where
 * neither is allowed. The reason travels along, so that the demo can say it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { hasNative } from '@starling/sys'
import { createNetns, currentNetns } from '../fabric/netns.js'
import { Wiring } from '../fabric/wiring.js'
import { STATE_VARIABLE, stateRoot } from './state.js'

export type ModeChoice =
  | { readonly mode: 'netns'; readonly words: string }
  | { readonly mode: 'userns' }
  | { readonly mode: 'loopback'; readonly words: string }

const INSIDE = 'STARLING_LAB_USERNS'
const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
// With a network namespace of its own: nobody may return from a new namespace to one that belongs to the machine.
const UNSHARE = ['--user', '--map-root-user', '--net']

/** This process was started anew by {@link inUserNamespace}. */
export const insideUserNamespace = (): boolean => process.env[INSIDE] !== undefined

export function chooseMode(): ModeChoice {
  const inside = insideUserNamespace()
  const refusal = hasNative() ? tryNamespace() : 'native calls are not possible here'
  if (refusal === undefined) {
    if (inside) new Wiring(currentNetns()).up('lo')
    return { mode: 'netns', words: inside ? 'network namespaces inside a user namespace' : 'network namespaces' }
  }
  const allowed = !inside && hasNative() && spawnSync('unshare', [...UNSHARE, 'true']).status === 0
  if (allowed) return { mode: 'userns' }
  return {
    mode: 'loopback',
    words: `loopback addresses and routes in memory, no pods (no namespaces: ${refusal.replace(/ \(.*/s, '')})`,
  }
}

function tryNamespace(): string | undefined {
  try {
    createNetns('probe').close()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Runs `command` in a user namespace of its own, on this terminal. Resolves to its exit code. */
export function inUserNamespace(command: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...UNSHARE, ...command], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1', [STATE_VARIABLE]: stateRoot() },
    })
    // The child cleans up and ends, and we with it. Ctrl-C reaches it from the terminal as well: twice is once.
    const forward = (signal: NodeJS.Signals) => child.kill(signal)
    for (const signal of STOPS) process.on(signal, forward)
    child.once('error', reject)
    child.once('exit', (code) => {
      for (const signal of STOPS) process.off(signal, forward)
      resolve(code ?? 1)
    })
  })
}
