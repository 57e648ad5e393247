/**
 * Is it done? A pure comparison of what the plan demands with what was seen: every session Established on both ends,
 * every block of every node in every kernel, every ping answered. The answer is the list of what is missing, in words
 * an operator can act on; an empty list means converged.
 */

import type { PeerObservation } from '../daemons/foreign.js'
import { foreign } from '../daemons/index.js'
import { type KernelRoute, PROTOCOL } from '../fabric/wiring.js'
import { familyOf } from '../topology/addresses.js'
import { type DevicePlan, familiesOf, type LabPlan } from '../topology/plan.js'
import type { DaemonObservation } from './observe.js'

export interface DeviceView {
  readonly plan: DevicePlan
  /** How its process ended; empty while it runs. */
  readonly ended: string
  readonly log: string
  readonly daemon: DaemonObservation
  /** Blocks with a confirmed affinity; nodes only. */
  readonly blocks: readonly string[]
  /** The kernel's table, or the in-memory FIB's; undefined on a reflector. */
  readonly kernel: readonly KernelRoute[] | undefined
  readonly cut: boolean
}

export interface PodView {
  readonly name: string
  readonly node: string
  readonly address: string
  readonly address6?: string
}

export interface PingView {
  readonly from: string
  readonly to: string
  readonly family: 4 | 6
  /** Round trip; undefined: no answer. */
  readonly milliseconds: number | undefined
}

export interface LabView {
  readonly devices: readonly DeviceView[]
  readonly pods: readonly PodView[]
  readonly pings: readonly PingView[]
  /** Why pods whose node has a block could not be connected; empty when they could. */
  readonly trouble: string
  /** False where there are no namespaces: no pods, no pings. */
  readonly hasPods: boolean
}

export function missing(plan: LabPlan, view: LabView): string[] {
  return [
    ...(view.trouble === '' ? [] : [`pods: ${view.trouble}`]),
    ...view.devices.flatMap(silence),
    ...view.devices.flatMap((device) => sessionsMissing(plan, device)),
    ...view.devices.flatMap((device) => routesMissing(plan, device, view)),
    ...(view.hasPods ? podsMissing(plan, view) : []),
  ]
}

function silence({ plan, ended, log, daemon }: DeviceView): string[] {
  if (ended !== '') return [`${plan.name}: its process ended (${ended}); see ${log}`]
  return daemon.answers ? [] : [`${plan.name}: ${daemon.reason}; see ${log}`]
}

/** What this device must see: the other end's address of each of its sessions. */
export function expectedPeers(plan: LabPlan, device: string): { name: string; address: string; type: string }[] {
  return plan.sessions.flatMap(({ type, ends: [a, b] }) => {
    if (a.device === device) return [{ name: b.device, address: b.address, type }]
    return b.device === device ? [{ name: a.device, address: a.address, type }] : []
  })
}

/** Behind an interface there is one neighbour, and until it is found it has no address. */
export function peerAt({ daemon }: DeviceView, address: string): PeerObservation | undefined {
  if (!daemon.answers) return undefined
  const link = /%.*/.exec(address)?.[0]
  const exact = daemon.peers.find((peer) => peer.address === address)
  return exact ?? daemon.peers.find((peer) => link !== undefined && peer.address.endsWith(link))
}

function sessionsMissing(plan: LabPlan, device: DeviceView): string[] {
  if (!device.daemon.answers) return []
  return expectedPeers(plan, device.plan.name).flatMap(({ name, address }) => {
    const peer = peerAt(device, address)
    const what = `${device.plan.name} to ${name} (${address})`
    if (peer === undefined) return [`${what}: not configured`]
    if (peer.state === 'Established') return []
    return [`${what}: ${peer.state}${peer.reason === '' ? '' : `, ${peer.reason}`}`]
  })
}

const STARLING_PROTOCOLS = { unicast: PROTOCOL.bird, blackhole: PROTOCOL.bird } as const

export interface RouteTally {
  readonly expected: number
  readonly present: number
  readonly missing: readonly string[]
}

/** False where routes are passed on only: reflectors, and daemons that have no hands on the kernel. */
export function writesRoutes({ role, daemon }: DevicePlan): boolean {
  return role !== 'reflector' && foreign(daemon)?.kernel !== null
}

/** Blocks of all nodes against one device's table: others as unicast, its own as blackhole, with its daemon's protocol. */
export function tally(device: DeviceView, view: LabView): RouteTally {
  const absent: string[] = []
  let expected = 0
  const protocols = foreign(device.plan.daemon)?.kernel ?? STARLING_PROTOCOLS
  for (const { plan: owner, blocks } of view.devices) {
    const own = owner.name === device.plan.name
    for (const block of blocks) {
      expected++
      const type = own ? 'blackhole' : 'unicast'
      const found = device.kernel?.some(
        (route) => route.prefix === block && route.type === type && route.protocol === protocols[type],
      )
      if (found !== true)
        absent.push(own ? `no blackhole for its own ${block}` : `no route to ${block} of ${owner.name}`)
    }
  }
  return { expected, present: expected - absent.length, missing: absent }
}

function routesMissing({ topology }: LabPlan, device: DeviceView, view: LabView): string[] {
  const { plan, blocks, kernel } = device
  if (!writesRoutes(plan)) return []
  if (kernel === undefined) return [`${plan.name}: its kernel table cannot be read`]
  const wanted = plan.pods.length === 0 ? [] : familiesOf(topology)
  const unclaimed = wanted
    .filter((family) => !blocks.some((block) => familyOf(block) === family))
    .map((family) => `${plan.name}: no ${family === 6 ? 'IPv6 ' : ''}block claimed`)
  return [...unclaimed, ...tally(device, view).missing.map((what) => `${plan.name}: ${what}`)]
}

function podsMissing(plan: LabPlan, view: LabView): string[] {
  const absent = plan.devices.flatMap(({ name, pods }) =>
    pods.filter((pod) => !view.pods.some((known) => known.name === pod)).map((pod) => `${name}: pod ${pod} not up`),
  )
  const unanswered = view.pings
    .filter(({ milliseconds }) => milliseconds === undefined)
    .map(({ from, to, family }) => `${from} to ${to}${family === 6 ? ' over IPv6' : ''}: no answer to ping`)
  // A matrix that was not measured yet is not an answered one.
  const measured = view.pods.length * (view.pods.length - 1) * familiesOf(plan.topology).length
  const unmeasured = absent.length === 0 && view.pings.length < measured ? ['pings: not all sent yet'] : []
  return [...absent, ...unanswered, ...unmeasured]
}
