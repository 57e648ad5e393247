/** The daemons that a device may run beside Starling. */
import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import type { DevicePlan } from '../topology/plan.js'
import type { Daemon } from '../topology/types.js'
import { bird } from './bird.js'
import type { Foreign } from './foreign.js'
import { frr } from './frr.js'
import { gobgp } from './gobgp.js'
import { openbgpd } from './openbgpd.js'

export const FOREIGN: Readonly<Record<Exclude<Daemon, 'starling'>, Foreign>> = { bird, frr, gobgp, openbgpd }

export const foreign = (daemon: Daemon): Foreign | undefined => (daemon === 'starling' ? undefined : FOREIGN[daemon])

/** Why a daemon cannot be the one of this device; undefined when it can. */
export function unfit({ role, cables }: DevicePlan, daemon: Daemon): string | undefined {
  const other = foreign(daemon)
  if (other === undefined) return undefined
  if (role === 'node' && other.kernel === null) return `${daemon} writes no kernel routes: a node with pods needs them`
  if (cables.length === 0 || other.unnumbered === 'finds') return undefined
  if (other.unnumbered === undefined) return `${daemon} finds nobody behind an interface, and no address is configured`
  return role === 'node' ? `${daemon} only waits for who is behind an interface: it can be the ToR` : undefined
}

/** What of a daemon is not on this machine, and the package that brings it; undefined when nothing is amiss. */
export function notInstalled(daemon: Daemon, path = process.env['PATH'] ?? ''): string | undefined {
  const other = foreign(daemon)
  const absent = other?.programs.find(
    (program) => !path.split(':').some((folder) => isProgram(resolve(folder, program))),
  )
  if (absent === undefined) return undefined
  return `${daemon} is not installed (${absent}); on Debian: apt-get install ${other?.package}`
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
