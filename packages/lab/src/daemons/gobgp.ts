/** GoBGP as reflector, or as a speaker beside one rack: it writes no kernel routes, so nothing is forwarded through it. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import { clusterIdOf, type Foreign, folderFor, neighbours, type PeerObservation } from './foreign.js'

const PATIENCE_MS = 3000
const API = '127.0.0.1:50051'

export const gobgp: Foreign = {
  package: 'gobgpd',
  programs: ['gobgpd', 'gobgp'],
  kernel: null,
  start: (plan, device, place) => {
    const file = join(folderFor(place, device.name), 'gobgp.toml')
    writeFileSync(file, gobgpConfiguration(plan, device))
    return [
      { name: device.name, command: 'gobgpd', args: ['-f', file, '-l', 'warn', '--api-hosts', API], ns: place.ns },
    ]
  },
  // Its API listens inside the namespace.
  peers: async (_device, { ns }) => {
    const ask = () => spawn('gobgp', ['neighbor', '-j'], { stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE_MS })
    const child = ns === undefined ? ask() : ns.run(ask)
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(err.trim() || 'gobgp gave no answer')
    return parseGobgpNeighbours(out)
  },
}

export function gobgpConfiguration(plan: LabPlan, device: DevicePlan): string {
  return [
    '[global.config]',
    `as = ${device.asNumber}`,
    `router-id = "${device.address}"`,
    ...neighbours(plan, device).flatMap(({ own, address, family, asNumber, client }) => [
      '[[neighbors]]',
      '  [neighbors.config]',
      `    neighbor-address = "${address}"`,
      `    peer-as = ${asNumber}`,
      '  [neighbors.timers.config]',
      '    connect-retry = 3',
      '  [neighbors.transport.config]',
      `    local-address = "${own}"`,
      ...(client
        ? [
            '  [neighbors.route-reflector.config]',
            '    route-reflector-client = true',
            `    route-reflector-cluster-id = "${clusterIdOf(plan, device)}"`,
          ]
        : []),
      '  [[neighbors.afi-safis]]',
      '    [neighbors.afi-safis.config]',
      `      afi-safi-name = "ipv${family}-unicast"`,
    ]),
    '',
  ].join('\n')
}

interface GobgpNeighbour {
  readonly state?: { readonly neighbor_address?: string; readonly session_state?: number }
  readonly conf?: { readonly neighbor_address?: string }
  readonly afi_safis?: readonly { readonly state?: { readonly received?: number; readonly advertised?: number } }[]
}

/** gobgp's own numbering of states. */
const STATES = ['unknown', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const

export function parseGobgpNeighbours(text: string): PeerObservation[] {
  const found = JSON.parse(text) as readonly GobgpNeighbour[]
  return found.flatMap(({ state, conf, afi_safis: families = [] }) => {
    const address = state?.neighbor_address ?? conf?.neighbor_address
    if (address === undefined) return []
    return [
      {
        address,
        state: STATES[state?.session_state ?? 0] ?? 'unknown',
        reason: '',
        ageSeconds: undefined,
        received: families.reduce((sum, each) => sum + (each.state?.received ?? 0), 0),
        sent: families.reduce((sum, each) => sum + (each.state?.advertised ?? 0), 0),
      },
    ]
  })
}
