/**
 * IPv4 and IPv6 side by side (topology/dual-stack.yaml): a session, a block, kernel routes and pings of each family, with
 * Starling alone and with every other daemon in a place; and a rack so large that the kernel's neighbour table would not
 * hold what its devices learn of each other.
 */

import { spawn } from 'node:child_process'
import type { Lab } from '@starling/lab'
import { parseTopology, planLab } from '@starling/lab'
import { afterEach, expect, test } from 'vitest'
import { Network } from '../../packages/lab/src/run/network.js'
import { needs } from '../support/needs.js'
import { converged, finished, inside, PATIENTLY, pingDuring, starling, startLab, topology } from './support.js'

needs('netns', 'bird', 'frr', 'gobgp', 'openbgpd', 'ip')

let lab: Lab | undefined
afterEach(async () => {
  await lab?.stop()
  lab = undefined
})

test('both families converge, and IPv6 pings survive the end of the only reflector', async () => {
  lab = await startLab(topology('dual-stack'))
  const view = await converged(lab)
  const own = view.devices.find(({ plan }) => plan.name === 'r1n1')
  expect(own?.blocks).toEqual([
    expect.stringMatching(/^10\.244\..*\/26$/),
    expect.stringMatching(/^fd00:10:244::.*\/122$/),
  ])
  expect(view.pings.filter(({ family }) => family === 6)).toHaveLength(6)

  const target = view.pods.find(({ node }) => node === 'r2n1')?.address6 ?? ''
  const routes = await inside(lab, 'r1n1', 'ip', '-6', 'route', 'show', 'proto', 'bird')
  expect(routes).toMatch(/^blackhole fd00:10:244::\S+\/122/m)
  expect(routes).toMatch(/^fd00:10:244::\S+\/122 via fd00:0:0:1::1 /m)
  expect(routes).toMatch(/^fd00:10:244::\S+\/122 via fd00:0:0:1::c /m)

  const { sent, lost } = await pingDuring(lab, 'r1n1-p1', target, async () => {
    await lab?.kill('rr1', 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1500))
  })
  expect(sent).toBeGreaterThan(20)
  expect(lost).toBe(0)
})

test.each([
  ['a BIRD node, an FRR node, a GoBGP reflector and a BIRD ToR', 'gobgp', 'bird'],
  ['a BIRD node, an FRR node, an OpenBGPD reflector and an FRR ToR', 'openbgpd', 'frr'],
])('%s', async (_who, reflector, tor) => {
  const mixed = topology(
    'dual-stack',
    ['rr1, rack: core }', `rr1, rack: core, daemon: ${reflector} }`],
    ['racks: [core, r1, r2] }', `racks: [core, r1, r2], daemon: ${tor} }`],
    ['r1n1, rack: r1, pods: 1', 'r1n1, rack: r1, pods: 1, daemon: bird'],
    ['r2n1, rack: r2, pods: 1', 'r2n1, rack: r2, pods: 1, daemon: frr'],
  )
  lab = await startLab(mixed)
  const view = await converged(lab)
  expect(view.pings.filter(({ family, milliseconds }) => family === 6 && milliseconds !== undefined)).toHaveLength(6)
})

test('without namespaces a dual-stack topology is IPv4', async () => {
  const { code, out } = await starling([
    'lab',
    'demo',
    'dual-stack',
    '--loopback',
    '--exit-when-converged',
    ...PATIENTLY,
  ])
  expect(out).toMatch(/r1n1 .* 2\/2 .* 3\/3/)
  expect(code).toBe(0)
})

test('in a large rack devices know each other without asking', async () => {
  const nodes = Array.from({ length: 30 }, (_, at) => `  - { name: n${at}, rack: r1 }`).join('\n')
  const plan = planLab(
    parseTopology(
      't.yaml',
      `name: big\nracks: [{ name: r1, subnet: 10.0.1.0/24, subnet6: 'fd00:1::/64' }]\nnodes:\n${nodes}\n`,
    ),
  )
  const network = new Network(plan)
  try {
    const show = network.namespace('n7').run(() => spawn('ip', ['neighbour', 'show', 'nud', 'permanent']))
    const { out } = await finished(show)
    expect(out.match(/10\.0\.1\./g)).toHaveLength(29)
    expect(out.match(/fd00:1::/g)).toHaveLength(29)
  } finally {
    network.close()
  }
})
