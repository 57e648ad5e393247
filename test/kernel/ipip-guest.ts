/**
 * What runs inside the guest kernel of ipip.test.ts: this host's `tunl0` and route come from the programmers, the other
 * host's end from `ip`. Answers with what it found.
 */

import { execFileSync } from 'node:child_process'
import { countStates, RouteProgrammer, TunnelProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, NetlinkTunnelDriver, systemClock } from '@starling/route-programmer/netlink'

const ip = (command: string) => execFileSync('ip', command.split(' ')).toString()
const bytes = (dotted: string) => Uint8Array.from(dotted.split('.').map(Number))

export default async function guest() {
  ip('netns add far')
  ip('link add eth0 type veth peer name eth0 netns far')
  ip('addr add 10.0.0.1/24 dev eth0')
  ip('link set eth0 up')
  ip('-n far addr add 10.0.0.2/24 dev eth0')
  ip('-n far link set eth0 up')
  ip('-n far link add ipip0 type ipip local 10.0.0.2 remote 10.0.0.1')
  ip('-n far addr add 10.65.2.0/32 dev ipip0')
  ip('-n far link set ipip0 up')
  ip('-n far route add 10.65.1.0/26 dev ipip0')

  const failures: string[] = []
  const tunnels = new TunnelProgrammer(
    new NetlinkTunnelDriver(),
    systemClock,
    { ownedNames: ['tunl0'] },
    { failed: (device, text) => failures.push(`${device}: ${text}`) },
  )
  tunnels.set([{ name: 'tunl0', kind: 'ipip', mtu: 1480, address: { bytes: bytes('10.65.1.0'), length: 32 } }])
  await tunnels.settled()
  const routes = new RouteProgrammer(new NetlinkDriver(), systemClock)
  routes.start()
  routes.set({
    destination: { family: 4, address: bytes('10.65.2.0'), length: 26 },
    kind: 'unicast',
    nextHops: [{ gateway: bytes('10.0.0.2'), device: 'tunl0', onlink: true }],
    metric: 1024,
    why: 'IPIP Always',
  })
  const end = performance.now() + 60_000
  while (countStates(routes.reconciler).installed < 1 && performance.now() < end) await systemClock.turn()
  let ping = ''
  try {
    ping = execFileSync('ping', ['-n', '-c', '3', '-i', '0.2', '-W', '2', '10.65.2.0']).toString()
  } catch (error) {
    ping = String(error)
  }
  const route = ip('route show proto 12').trim().replace(/\s+/g, ' ')
  const device = ip('addr show tunl0').replace(/\s+/g, ' ')
  await routes.stop()
  await tunnels.stop()
  return { failures, route, device, ping }
}
