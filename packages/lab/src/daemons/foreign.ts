/**
 * What the lab must know of a daemon that is not Starling: how it is started with a configuration written for its place in
 * the topology, how its sessions are read, and which kernel routes it writes. One file per daemon beside this one.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Netns } from '../fabric/netns.js'
import type { ProcessSpec } from '../run/processes.js'
import { familyOf } from '../topology/addresses.js'
import type { DevicePlan, LabPlan } from '../topology/plan.js'

export interface PeerObservation {
  readonly address: string
  readonly state: string
  /** Why it is not Established. */
  readonly reason: string
  /** How long it has been in this state; BIRD does not say. */
  readonly ageSeconds: number | undefined
  readonly received: number
  readonly sent: number
}

export interface ForeignPlace {
  readonly folder: string
  readonly ns: Netns | undefined
}

export interface Foreign {
  /** Debian's package of it, and the programs of it that the lab runs. */
  readonly package: string
  readonly programs: readonly string[]
  /** rtm_protocol of the routes it writes; null: it writes none, so it cannot forward for others. */
  readonly kernel: { readonly unicast: number; readonly blackhole: number } | null
  /** Its children become a user that only the machine's own root can make them: not inside a user namespace. */
  readonly ownUser?: true
  /** What it can do about a neighbour whose address nobody tells it; absent: nothing. */
  readonly unnumbered?: 'finds' | 'waits'
  /** The first has the device's name, further ones `NAME.something`. */
  start(plan: LabPlan, device: DevicePlan, place: ForeignPlace, blocks: readonly string[]): readonly ProcessSpec[]
  peers(device: string, place: ForeignPlace): Promise<PeerObservation[]>
}

export interface Neighbour {
  readonly name: string
  readonly own: string
  readonly address: string
  /** Of the session's addresses, and of the routes it carries: Calico's sessions have one family each. */
  readonly family: 4 | 6
  /** Behind this interface, with routes of both families: neither side is told the other's address. */
  readonly link: string | undefined
  readonly asNumber: number
  readonly external: boolean
  /** We are a reflector and this is one of those it reflects to. */
  readonly client: boolean
}

/** The sessions of one device, seen from it. */
export function neighbours(plan: LabPlan, device: DevicePlan): Neighbour[] {
  return plan.sessions.flatMap(({ type, ends: [a, b] }) => {
    if (a.device !== device.name && b.device !== device.name) return []
    const [own, other] = a.device === device.name ? [a, b] : [b, a]
    const remote = plan.devices.find(({ name }) => name === other.device)
    if (remote === undefined) return []
    return [
      {
        name: other.device,
        own: own.address,
        address: other.address,
        family: familyOf(other.address),
        link: other.address.split('%')[1],
        asNumber: remote.asNumber,
        external: type === 'eBGP',
        client: device.role === 'reflector' && remote.role === 'node',
      },
    ]
  })
}

export const clusterIdOf = (plan: LabPlan, device: DevicePlan): string =>
  plan.topology.reflectors.find(({ name }) => name === device.name)?.clusterId ?? device.address

/** A folder of its own for a daemon that wants one for sockets and pid files. */
export function folderFor(place: ForeignPlace, device: string): string {
  const folder = join(place.folder, `${device}.d`)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return folder
}
