/**
 * Real BIRD 2 in two places of the demo's topology: as the ToR over eBGP, and as a node under our reflector. Routes are
 * checked on both sides with `birdc` and `ip route`, and with pings through all of them.
 */

import type { Lab, LabView } from '@starling/lab'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { converged, inside, pingDuring, startLab, topology, until } from './support.js'

needs('netns', 'bird', 'ip')

let lab: Lab
let view: LabView

beforeAll(async () => {
  lab = await startLab(
    topology(
      'demo',
      ['racks: [core, r1, r2] }', 'racks: [core, r1, r2], daemon: bird }'],
      ['r2n2, rack: r2', 'r2n2, rack: r2, daemon: bird'],
    ),
  )
  view = await converged(lab)
})
afterAll(() => lab?.stop())

const blockOf = (node: string): string => view.devices.find(({ plan }) => plan.name === node)!.blocks[0]!
const birdc = (device: string, ...command: string[]) =>
  inside(lab, device, 'birdc', '-s', `${lab.folder}/${device}.sock`, ...command)

test('BIRD as ToR learned every block from the node that owns it, and its kernel has them', async () => {
  const routes = await inside(lab, 'tor1', 'ip', 'route', 'show', 'proto', 'bird')
  for (const [node, address] of [
    ['r1n1', '10.0.1.11'],
    ['r1n2', '10.0.1.12'],
    ['r2n1', '10.0.2.11'],
  ] as const) {
    const shown = await birdc('tor1', 'show', 'route', blockOf(node), 'all')
    expect(shown).toMatch(new RegExp(`BGP.next_hop: ${address.replaceAll('.', '\\.')}`))
    expect(shown).toContain('BGP.as_path: 64512')
    // One path each: nodes send their own blocks only.
    expect(shown.match(/BGP\.as_path/g)).toHaveLength(1)
    expect(routes).toMatch(new RegExp(`${blockOf(node).replaceAll('.', '\\.')} via ${address.replaceAll('.', '\\.')}`))
  }
})

test('BIRD as a node under our reflector gets reflected routes with originator and cluster list', async () => {
  const shown = await birdc('r2n2', 'show', 'route', blockOf('r1n1'), 'all')
  expect(shown).toContain('BGP.originator_id: 10.0.1.11')
  expect(shown).toMatch(/BGP\.cluster_list: +244\.0\.0\.1/)
  expect(shown).toContain('BGP.next_hop: 10.0.1.11')
  expect(await inside(lab, 'r2n2', 'ip', 'route', 'show', 'proto', 'bird')).toMatch(
    new RegExp(`${blockOf('r1n1').replaceAll('.', '\\.')} via 10\\.0\\.2\\.1 `),
  )
})

test('our node has the block that BIRD announces, through the ToR, written with protocol bird', async () => {
  const routes = await inside(lab, 'r1n1', 'ip', 'route', 'show', 'proto', 'bird')
  expect(routes).toMatch(new RegExp(`${blockOf('r2n2').replaceAll('.', '\\.')} via 10\\.0\\.1\\.1 `))
  expect(routes).toContain(`blackhole ${blockOf('r1n1')}`)
  expect(routes).toMatch(new RegExp(`${blockOf('r1n2').replaceAll('.', '\\.')} via 10\\.0\\.1\\.12 `))
})

test('a block that BIRD withdraws leaves every kernel, and comes back', async () => {
  const block = blockOf('r2n2')
  const has = (seen: LabView, name: string) =>
    seen.devices
      .find(({ plan }) => plan.name === name)
      ?.kernel?.some(({ prefix, protocol }) => prefix === block && protocol === 12)
  await birdc('r2n2', 'disable', 'static1')
  await until(lab, (seen) => ['r1n1', 'r1n2', 'r2n1', 'tor1'].every((name) => has(seen, name) === false))
  await birdc('r2n2', 'enable', 'static1')
  await converged(lab)
})

test('our reflector dies and returns under BIRD’s eyes without a lost ping between our nodes', async () => {
  const target = view.pods.find(({ node }) => node === 'r2n1')!.address
  const { lost } = await pingDuring(lab, 'r1n1-p1', target, async () => {
    await lab.kill('rr1', 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 2000))
    await lab.restart('rr1')
    await converged(lab)
  })
  expect(lost).toBe(0)
})
