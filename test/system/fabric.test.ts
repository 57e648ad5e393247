/**
 * The lab's own wiring against the real kernel: namespaces without names, veth, bridge, routes, neighbours and forwarding
 * through netlink, echo through a raw socket. Three hosts: one - router - two.
 */
import { afterEach, expect, test } from 'vitest'
import { createNetns, type Netns } from '../../packages/lab/src/fabric/netns.js'
import { Pinger } from '../../packages/lab/src/fabric/ping.js'
import { PROTOCOL, Wiring } from '../../packages/lab/src/fabric/wiring.js'
import { needs } from '../support/needs.js'

needs('netns')

const opened: { close(): void }[] = []
afterEach(() => {
  for (const thing of opened.splice(0).reverse()) thing.close()
})

function host(name: string): { ns: Netns; wires: Wiring } {
  const ns = createNetns(name)
  const wires = new Wiring(ns)
  opened.push(ns, wires)
  return { ns, wires }
}

function pinger(ns: Netns): Pinger {
  const pinger = new Pinger(ns)
  opened.push(pinger)
  return pinger
}

test('two hosts on one bridge reach each other, and no longer when the port is down', async () => {
  const bridge = host('switch')
  const [one, two] = [host('one'), host('two')]
  bridge.wires.bridge('br')
  for (const [at, { ns, wires }] of [one, two].entries()) {
    bridge.wires.veth(`port${at}`, { ns, name: 'eth0' })
    bridge.wires.enslave(`port${at}`, 'br')
    wires.up('eth0')
    wires.address('eth0', `10.0.0.${at + 1}/24`)
  }
  const source = pinger(one.ns)
  // The kernel tells the bridge of a new carrier up to a second later.
  const reached = () => expect.poll(() => source.ping('10.0.0.2', 500)).toBeGreaterThan(0)
  await reached()
  bridge.wires.down('port1')
  expect(await source.ping('10.0.0.2', 200)).toBeUndefined()
  bridge.wires.up('port1')
  await reached()
})

test('a router forwards between a pod behind a permanent neighbour and a host with a static route', async () => {
  const [pod, router, far] = [host('pod'), host('router'), host('far')]
  router.wires.veth('cali0', { ns: pod.ns, name: 'eth0' }, 'ee:ee:ee:ee:ee:ee')
  router.wires.up('cali0')
  router.wires.route({ to: '10.244.0.1/32', device: 'cali0', protocol: PROTOCOL.boot })
  router.wires.veth('eth0', { ns: far.ns, name: 'eth0' })
  router.wires.up('eth0')
  router.wires.address('eth0', '10.0.0.1/24')
  for (const device of ['cali0', 'eth0']) router.wires.forward(device)
  pod.wires.up('eth0')
  pod.wires.address('eth0', '10.244.0.1/32')
  pod.wires.neighbour('eth0', '169.254.1.1', 'ee:ee:ee:ee:ee:ee')
  pod.wires.route({ to: '169.254.1.1/32', device: 'eth0', protocol: PROTOCOL.boot })
  pod.wires.route({ to: '0.0.0.0/0', via: '169.254.1.1', device: 'eth0', protocol: PROTOCOL.boot })
  far.wires.up('eth0')
  far.wires.address('eth0', '10.0.0.2/24')
  const source = pinger(pod.ns)
  expect(await source.ping('10.0.0.2', 300)).toBeUndefined()
  far.wires.route({ to: '10.244.0.0/26', via: '10.0.0.1', protocol: PROTOCOL.static })
  await expect.poll(() => source.ping('10.0.0.2')).toBeGreaterThan(0)
  expect(await far.wires.routes()).toContainEqual({
    prefix: '10.244.0.0/26',
    protocol: PROTOCOL.static,
    type: 'unicast',
    gateway: '10.0.0.1',
  })
})

test('an error names the request, the namespace and the reason', () => {
  const { wires } = host('alone')
  expect(() => wires.route({ to: '10.1.0.0/24', via: '10.9.9.9', protocol: PROTOCOL.static })).toThrow(
    /route 10\.1\.0\.0\/24 in alone.*unreachable/i,
  )
})
