/** How a device's Starling is started: `starling node` and `starling reflector` from this very installation. */
import { join } from 'node:path'
import type { ProcessSpec } from '../run/processes.js'
import type { DevicePlan } from '../topology/plan.js'

export const HTTP_PORT = 9179

export interface StarlingPlace {
  readonly folder: string
  /** The command line's own file: the one this process was started with. */
  readonly program: string
  readonly datastore: string
  /** No kernel to program: routes in memory (`--fib memory`). */
  readonly memoryFib: boolean
  /** The node has pods and nobody gave it a block. */
  readonly claimBlock: boolean
}

export const controlSocket = (folder: string, device: string): string => join(folder, `${device}.sock`)

export function starling(device: DevicePlan, place: StarlingPlace): ProcessSpec {
  const { folder, program, datastore, memoryFib, claimBlock } = place
  return {
    name: device.name,
    command: process.execPath,
    args: [
      ...[program, device.role === 'reflector' ? 'reflector' : 'node'],
      ...['--name', device.name, '--datastore', datastore],
      ...['--control', controlSocket(folder, device.name), '--http', `${device.address}:${HTTP_PORT}`],
      // Inside the lab everybody may read everybody: the looking glass of one draws all.
      ...['--nodes-port', String(HTTP_PORT)],
      ...(claimBlock ? ['--claim-block'] : []),
      ...(memoryFib && device.role !== 'reflector' ? ['--fib', 'memory'] : []),
    ],
  }
}
