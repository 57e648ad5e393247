/**
 * Every other daemon in every place of the demo's network that it can take: FRR as ToR and as node, OpenBGPD, GoBGP, FRR and
 * BIRD as the reflector of our nodes. Converged means what it means for Starling: every session, every block in every
 * kernel, every ping.
 */

import type { Lab } from '@starling/lab'
import { afterEach, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { converged, startLab, topology, until } from './support.js'

needs('root', 'netns', 'bird', 'frr', 'gobgp', 'openbgpd')

let lab: Lab | undefined
afterEach(async () => {
  await lab?.stop()
  lab = undefined
})

const reflector = (daemon: string): [string, string] => [
  'name: rr1, rack: core',
  `name: rr1, rack: core, daemon: ${daemon}`,
]
const tor = (daemon: string): [string, string] => [
  'racks: [core, r1, r2] }',
  `racks: [core, r1, r2], daemon: ${daemon} }`,
]
const node = (daemon: string): [string, string] => ['r2n2, rack: r2', `r2n2, rack: r2, daemon: ${daemon}`]

describe('reflects for Starling, BIRD and FRR nodes', () => {
  test.each(['bird', 'frr', 'gobgp', 'openbgpd'])('%s', async (daemon) => {
    lab = await startLab(topology('demo', reflector(daemon), node(daemon === 'frr' ? 'bird' : 'frr')))
    const { devices } = await converged(lab)
    const own = devices.find(({ plan }) => plan.name === 'r1n1')
    expect(own?.daemon.answers && own.daemon.peers.map(({ state }) => state)).toEqual(['Established', 'Established'])
  })
})

test('FRR as the ToR between all racks, killed and started again, and replaced by BIRD', async () => {
  lab = await startLab(topology('demo', tor('frr')))
  await converged(lab)
  await lab.kill('tor1', 'SIGKILL')
  await until(lab, (_view, absent) => absent.some((line) => line.startsWith('tor1: its process ended')))
  await lab.restart('tor1')
  await converged(lab)
  await lab.replace('tor1', 'bird')
  const view = await converged(lab)
  expect(view.devices.find(({ plan }) => plan.name === 'tor1')?.plan.daemon).toBe('bird')
  expect(lab.processes.names().filter((name) => name.startsWith('tor1'))).toEqual(['tor1'])
})

describe('beside one rack', () => {
  test.each(['gobgp', 'openbgpd'])('%s', async (daemon) => {
    lab = await startLab(
      topology('mesh', ['nodes:\n', `tors:\n  - { name: tor1, as: 64601, racks: [r1], daemon: ${daemon} }\nnodes:\n`]),
    )
    const { devices } = await converged(lab)
    const speaker = devices.find(({ plan }) => plan.role === 'tor')
    const learned = speaker?.daemon.answers ? speaker.daemon.peers.map(({ received }) => received) : []
    expect(learned).toEqual([1, 1, 1, 1])
  })
})
