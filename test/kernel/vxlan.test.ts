/**
 * VXLAN over three hosts: each gets its device, the address of its own VTEP and the entries of the two others as desired
 * state, and a route per remote block through it. Pods, here addresses on the loopback, reach each other.
 *
 *   h1 10.0.0.1 ---+
 *   h2 10.0.0.2 ---+--- bridge in its own namespace
 *   h3 10.0.0.3 ---+
 */

import {
  countStates,
  type DesiredTunnel,
  type RemoteVtep,
  RouteProgrammer,
  TunnelProgrammer,
} from '@starling/route-programmer'
import { NetlinkDriver, NetlinkTunnelDriver, systemClock } from '@starling/route-programmer/netlink'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { connect, eventually, inside, Namespace } from './netns.js'

needs('root', 'netns', 'ip', 'ping')

const HOSTS = [1, 2, 3] as const
const DEVICE = 'vxlan.calico'

const node = (n: number) => Uint8Array.of(10, 0, 0, n)
const vtep = (n: number) => Uint8Array.of(10, 65, n, 0)
const mac = (n: number) => Uint8Array.of(0x66, 0, 0, 0, 0, n)
const pod = (n: number) => `10.65.${n}.5`

function tunnelOf(n: number): DesiredTunnel {
  const remotes: RemoteVtep[] = HOSTS.filter((other) => other !== n).map((other) => ({
    address: vtep(other),
    mac: mac(other),
    node: node(other),
  }))
  return {
    name: DEVICE,
    kind: 'vxlan',
    mtu: 1450,
    mac: mac(n),
    address: { bytes: vtep(n), length: 32 },
    vxlan: { id: 4096, port: 4789, parent: 'eth0', local: node(n) },
    remotes,
  }
}

interface Host {
  readonly namespace: Namespace
  readonly tunnels: TunnelProgrammer
  readonly routes: RouteProgrammer
  readonly failures: string[]
}

/** Starts a host and waits, inside its namespace (dumps open their sockets there), until tunnel and routes are there. */
async function startHost(n: number, fabric: Namespace): Promise<Host> {
  const namespace = new Namespace(`h${n}`)
  connect(namespace, 'eth0', fabric, `p${n}`)
  fabric.ip(`link set p${n} master br0`)
  namespace.ip(`addr add 10.0.0.${n}/24 dev eth0`)
  namespace.ip(`addr add ${pod(n)}/32 dev lo`)
  const failures: string[] = []
  return inside(namespace, async () => {
    const tunnels = new TunnelProgrammer(
      new NetlinkTunnelDriver(),
      systemClock,
      { ownedNames: [DEVICE] },
      { failed: (device, text) => failures.push(`${device}: ${text}`) },
    )
    const routes = new RouteProgrammer(new NetlinkDriver(), systemClock)
    for (const other of HOSTS.filter((each) => each !== n)) {
      routes.set({
        destination: { family: 4, address: vtep(other), length: 26 },
        kind: 'unicast',
        nextHops: [{ gateway: vtep(other), device: DEVICE, onlink: true }],
        sourceAddress: vtep(n),
        why: `block of h${other}`,
      })
    }
    routes.start()
    routes.allowDeletes()
    tunnels.set([tunnelOf(n)])
    await tunnels.settled()
    await eventually('both routes', () => countStates(routes.reconciler).installed === 2)
    return { namespace, tunnels, routes, failures }
  })
}

/** The kernel tells a bridge of a new carrier up to a second later: the first ping may be lost. */
const reaches = (from: Namespace, target: string) =>
  eventually(`${from.name} reaches ${target}`, () => {
    try {
      from.exec('ping', '-n', '-c', '1', '-W', '1', target)
      return true
    } catch {
      return false
    }
  })

describe('VXLAN', () => {
  it('joins three hosts, repairs what is broken and is gone when nobody wants it', async () => {
    const fabric = new Namespace('fabric')
    const hosts: Host[] = []
    try {
      fabric.ip('link add br0 type bridge')
      fabric.ip('link set br0 up')
      for (const n of HOSTS) {
        hosts.push(await startHost(n, fabric))
      }
      for (const [i, host] of hosts.entries()) {
        expect(host.failures).toEqual([])
        for (const n of HOSTS.filter((each) => each !== i + 1)) {
          await reaches(host.namespace, pod(n))
        }
      }
      const [first] = hosts
      if (first === undefined) throw new Error('no host')
      expect(first.namespace.ip(`-d link show ${DEVICE}`)).toContain('nolearning')

      // Another program's damage: entries, address, state.
      first.namespace.bridge(`fdb del 66:00:00:00:00:02 dev ${DEVICE}`)
      first.namespace.ip(`addr add 192.0.2.77/32 dev ${DEVICE}`)
      first.namespace.ip(`link set ${DEVICE} mtu 1300`)
      await inside(first.namespace, async () => {
        first.tunnels.hint()
        await first.tunnels.settled()
      })
      expect(first.namespace.ip(`addr show ${DEVICE}`)).not.toContain('192.0.2.77')
      expect(first.namespace.ip(`link show ${DEVICE}`)).toContain('mtu 1450')
      await reaches(first.namespace, pod(2))

      await inside(first.namespace, async () => {
        first.tunnels.set([])
        await first.tunnels.settled()
      })
      expect(first.namespace.ip('link show')).not.toContain(DEVICE)
    } finally {
      for (const { tunnels, routes, namespace } of hosts) {
        await tunnels.stop()
        await routes.stop()
        namespace.destroy()
      }
      fabric.destroy()
    }
  })

  it('says so where another device has its number', async () => {
    const namespace = new Namespace('clash')
    try {
      namespace.ip('link add eth0 type veth peer name far')
      namespace.ip('link set eth0 up')
      namespace.ip('addr add 10.0.0.1/24 dev eth0')
      namespace.ip('link add flannel.1 type vxlan id 4096 dstport 4789 dev eth0 local 10.0.0.1 nolearning')
      await inside(namespace, async () => {
        const failures: string[] = []
        const failed = (device: string, text: string) => failures.push(`${device} ${text}`)
        const tunnels = new TunnelProgrammer(
          new NetlinkTunnelDriver(),
          systemClock,
          { ownedNames: [DEVICE] },
          { failed },
        )
        tunnels.set([tunnelOf(1)])
        await tunnels.settled()
        expect(failures).toEqual([
          `${DEVICE} cannot be made: EEXIST: A VXLAN device with the specified VNI already exists`,
        ])
        namespace.ip('link del flannel.1')
        tunnels.hint()
        await tunnels.settled()
        expect(namespace.ip(`-d link show ${DEVICE}`)).toContain('vxlan id 4096')
        await tunnels.stop()
      })
    } finally {
      namespace.destroy()
    }
  })
})
