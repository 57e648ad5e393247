/**
 * Links without addresses (topology/unnumbered.yaml): nodes and ToRs find each other behind their interfaces, blocks of
 * both families travel over link-local next hops into every kernel, pods answer each other, and one cable of two may go.
 */

import type { Lab, LabView } from '@starling/lab'
import { afterEach, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { ages, converged, inside, starling, startLab, topology, until } from './support.js'

needs('root', 'netns', 'bird', 'frr', 'ip')

let lab: Lab | undefined
afterEach(async () => {
  await lab?.stop()
  lab = undefined
})

const kernel = async (of: Lab, node: string, ...family: string[]) =>
  (await inside(of, node, 'ip', ...family, 'route', 'show', 'proto', 'bird')).replace(/\s+/g, ' ')

test('three nodes and two ToRs converge by their interfaces alone, and a cut cable leaves the other', async () => {
  lab = await startLab(topology('unnumbered'))
  const view = await converged(lab)
  expect([...ages(view, 'n1').keys()].sort()).toEqual(['fe80::1%eth0', 'fe80::1%eth1'])
  expect(view.pings).toHaveLength(12)

  const far = view.devices.find(({ plan }) => plan.name === 'n2')
  const [four = '', six = ''] = far?.blocks ?? []
  const hop = (device: string) => `nexthop via inet6 fe80::1 dev ${device} weight 1`
  expect(await kernel(lab, 'n1')).toMatch(new RegExp(`${four} metric \\d+ ${hop('eth0')} ${hop('eth1')}`))
  const routes6 = await kernel(lab, 'n1', '-6')
  for (const device of ['eth0', 'eth1']) expect(routes6).toMatch(new RegExp(`${six} .*via fe80::1 dev ${device}`))

  // At both ends, as with a cable that is pulled: nobody sends there any more.
  lab.network?.cut('n1', 'tor1')
  const gone = ([name, session]: readonly [string, string], now: LabView) =>
    !sessions(now, name).includes(`${session} Established`)
  const ends = [['n1', 'fe80::1%eth0'] as const, ['tor1', 'fe80::2%eth0'] as const]
  await until(lab, (now) => ends.every((end) => gone(end, now)) && answered(now))
  await expect.poll(() => kernel(lab as Lab, 'n1')).not.toContain('eth0')
  lab.network?.heal('n1', 'tor1')
  await converged(lab)
})

const answered = ({ pings }: LabView) => pings.every(({ milliseconds }) => milliseconds !== undefined)

function sessions({ devices }: LabView, name: string): string[] {
  const daemon = devices.find(({ plan }) => plan.name === name)?.daemon
  return daemon?.answers === true ? daemon.peers.map(({ address, state }) => `${address} ${state}`) : []
}

test('an FRR ToR and a BIRD ToR, a Starling node and an FRR node', async () => {
  lab = await startLab(
    topology(
      'unnumbered',
      ['as: 64601', 'as: 64601, daemon: frr'],
      ['as: 64602', 'as: 64602, daemon: bird'],
      ['as: 65002', 'as: 65002, daemon: frr'],
      ['  - { name: n3, as: 65003, uplinks: [tor1, tor2] }\n', ''],
    ),
  )
  const view = await converged(lab)
  expect(answered(view)).toBe(true)
})

test('a daemon that cannot find anybody is refused in words, and so is a lab without namespaces', async () => {
  await expect(startLab(topology('unnumbered', ['as: 64601', 'as: 64601, daemon: gobgp']))).rejects.toThrow(
    'tor1: gobgp finds nobody behind an interface, and no address is configured',
  )
  const { code, err } = await starling(['lab', 'demo', 'unnumbered', '--loopback', '--exit-when-converged'])
  expect(err).toContain('unnumbered: uplinks without addresses need namespaces')
  expect(code).toBe(2)
})
