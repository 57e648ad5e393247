/**
 * OpenBGPD as reflector, or as a speaker beside one rack: its portable edition writes no kernel routes. Its children give up
 * root and live in /run/openbgpd, so it runs for root only, not inside a user namespace.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import { clusterIdOf, type Foreign, type ForeignPlace, folderFor, neighbours, type PeerObservation } from './foreign.js'

const PATIENCE_MS = 3000
const run = promisify(execFile)
const socketOf = (place: ForeignPlace, device: string): string => join(folderFor(place, device), 'ctl')

export const openbgpd: Foreign = {
  package: 'openbgpd',
  programs: ['/usr/sbin/bgpd', 'bgpctl'],
  ownUser: true,
  kernel: null,
  start: (plan, device, place) => {
    const file = join(folderFor(place, device.name), 'bgpd.conf')
    writeFileSync(file, openbgpdConfiguration(plan, device, socketOf(place, device.name)), { mode: 0o600 })
    mkdirSync('/run/openbgpd', { recursive: true })
    return [{ name: device.name, command: '/usr/sbin/bgpd', args: ['-d', '-f', file], ns: place.ns }]
  },
  peers: async (device, place) => {
    const ask = ['-s', socketOf(place, device), '-j', 'show', 'neighbor']
    const { stdout } = await run('bgpctl', ask, { timeout: PATIENCE_MS })
    return parseOpenbgpdNeighbours(stdout)
  },
}

export function openbgpdConfiguration(plan: LabPlan, device: DevicePlan, socket: string): string {
  return [
    `AS ${device.asNumber}`,
    `router-id ${device.address}`,
    'fib-update no',
    'nexthop qualify via default',
    `socket "${socket}"`,
    ...neighbours(plan, device).flatMap(({ name, own, address, family, asNumber, external, client }) => [
      `neighbor ${address} {`,
      `  descr "${name}"`,
      `  remote-as ${asNumber}`,
      `  local-address ${own}`,
      ...(external ? [] : ['  multihop 64']),
      ...(client ? [`  route-reflector ${clusterIdOf(plan, device)}`] : []),
      // It announces IPv4 to everybody unless told not to.
      ...(family === 6 ? ['  announce IPv4 none'] : []),
      `  announce IPv${family} unicast`,
      '}',
    ]),
    // Without rules it neither accepts nor announces over eBGP (RFC 8212).
    'allow from any',
    'allow to any',
    '',
  ].join('\n')
}

interface OpenbgpdNeighbour {
  readonly remote_addr?: string
  readonly state?: string
  readonly last_error?: string
  readonly last_updown_sec?: number
  readonly stats?: { readonly prefixes?: { readonly received?: number; readonly sent?: number } }
}

export function parseOpenbgpdNeighbours(text: string): PeerObservation[] {
  const { neighbors = [] } = JSON.parse(text) as { readonly neighbors?: readonly OpenbgpdNeighbour[] }
  return neighbors.flatMap(({ remote_addr: address, state, last_error, last_updown_sec, stats }) =>
    address === undefined
      ? []
      : [
          {
            address,
            state: state ?? 'unknown',
            reason: state === 'Established' ? '' : (last_error ?? ''),
            ageSeconds: last_updown_sec,
            received: stats?.prefixes?.received ?? 0,
            sent: stats?.prefixes?.sent ?? 0,
          },
        ],
  )
}
