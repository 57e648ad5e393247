/**
 * FRR as node, reflector or ToR: zebra, which writes the kernel, and bgpd, with one configuration and a folder of sockets
 * each device has to itself. They give up root for their own user, so they run for root only, not in a user namespace.
 */
import { execFile } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ProcessSpec } from '../run/processes.js'
import type { DevicePlan, LabPlan } from '../topology/plan.js'
import { clusterIdOf, type Foreign, folderFor, neighbours, type PeerObservation } from './foreign.js'

const PATIENCE_MS = 3000
const run = promisify(execFile)
/** linux/rtnetlink.h. */
const RTPROT_BGP = 186
const RTPROT_STATIC_OF_ZEBRA = 196

export const frr: Foreign = {
  package: 'frr',
  kernel: { unicast: RTPROT_BGP, blackhole: RTPROT_STATIC_OF_ZEBRA },
  start: (plan, device, place, block) => {
    const folder = folderFor(place, device.name)
    const file = join(folder, 'frr.conf')
    writeFileSync(file, frrConfiguration(plan, device, block))
    const { user, group } = owner()
    chownSync(folder, user, group)
    const daemon = (name: string, program: string, ...more: string[]): ProcessSpec => ({
      name,
      command: `/usr/lib/frr/${program}`,
      args: [
        ...['-f', file, '-i', join(folder, `${program}.pid`), '-A', '127.0.0.1', '-P', '0'],
        ...['--vty_socket', folder, '-z', join(folder, 'zserv.api'), '--log', 'stdout', '--log-level', 'notifications'],
        ...more,
      ],
      ns: place.ns,
    })
    const block4 = block === undefined ? [] : [daemon(`${device.name}.staticd`, 'staticd')]
    // -r: the kernel’s routes stay when zebra ends, as they do with everybody else here.
    return [daemon(device.name, 'bgpd'), daemon(`${device.name}.zebra`, 'zebra', '-r'), ...block4]
  },
  peers: async (device, place) => {
    const folder = folderFor(place, device)
    const ask = ['--vty_socket', folder, '-d', 'bgpd', '-c', 'show bgp neighbors json']
    const { stdout } = await run('vtysh', ask, { timeout: PATIENCE_MS })
    return parseFrrNeighbours(stdout)
  },
}

/** The user that the package made. */
function owner(): { user: number; group: number } {
  const [, user, group] = /^frr:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  if (user === undefined || group === undefined) throw new Error('FRR is not installed: there is no user frr')
  return { user: Number(user), group: Number(group) }
}

/** A node announces its block and nothing it learned; ToRs and reflectors pass everything on. */
export function frrConfiguration(plan: LabPlan, device: DevicePlan, block?: string): string {
  const peers = neighbours(plan, device)
  return [
    `hostname ${device.name}`,
    ...(block === undefined ? [] : [`ip route ${block} blackhole`]),
    `router bgp ${device.asNumber}`,
    ` bgp router-id ${device.address}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ...(device.role === 'reflector' ? [` bgp cluster-id ${clusterIdOf(plan, device)}`] : []),
    ...peers.flatMap(({ own, address, asNumber }) => [
      ` neighbor ${address} remote-as ${asNumber}`,
      ` neighbor ${address} update-source ${own}`,
      ` neighbor ${address} timers connect 3`,
    ]),
    ' address-family ipv4 unicast',
    ...(block === undefined ? [] : [`  network ${block}`]),
    ...(device.role === 'node' ? peers.map(({ address }) => `  neighbor ${address} route-map OWN out`) : []),
    ...peers.flatMap(({ address, client }) => (client ? [`  neighbor ${address} route-reflector-client`] : [])),
    ' exit-address-family',
    'exit',
    ...(block === undefined ? [] : [`ip prefix-list OWN permit ${block}`]),
    ...(device.role === 'node' ? ['route-map OWN permit 10', ' match ip address prefix-list OWN', 'exit'] : []),
    '',
  ].join('\n')
}

interface FrrNeighbour {
  readonly bgpState?: string
  readonly lastResetDueTo?: string
  readonly bgpTimerUpMsec?: number
  readonly addressFamilyInfo?: Readonly<
    Record<string, { readonly acceptedPrefixCounter?: number; readonly sentPrefixCounter?: number }>
  >
}

export function parseFrrNeighbours(text: string): PeerObservation[] {
  const found = JSON.parse(text) as Readonly<Record<string, FrrNeighbour>>
  return Object.entries(found).flatMap(([address, peer]) => {
    if (peer.bgpState === undefined) return []
    const families = Object.values(peer.addressFamilyInfo ?? {})
    return [
      {
        address,
        state: peer.bgpState,
        reason: peer.bgpState === 'Established' ? '' : (peer.lastResetDueTo ?? ''),
        ageSeconds: peer.bgpTimerUpMsec === undefined ? undefined : Math.floor(peer.bgpTimerUpMsec / 1000),
        received: families.reduce((sum, each) => sum + (each.acceptedPrefixCounter ?? 0), 0),
        sent: families.reduce((sum, each) => sum + (each.sentPrefixCounter ?? 0), 0),
      },
    ]
  })
}
