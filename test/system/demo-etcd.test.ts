/**
 * The demo on a real etcd, and what a cluster on etcd must survive: a node that is added peers with the others without
 * any reset elsewhere, and an etcd that is killed loses no installed route.
 */

import { Lab } from '@starling/lab'
import { afterEach, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { ages, converged, PATIENTLY, PROGRAM, pingDuring, starling, topology, until } from './support.js'

needs('netns', 'etcd')

let lab: Lab | undefined
afterEach(async () => {
  await lab?.stop()
  lab = undefined
})

test('the demo converges with etcd as its datastore', async () => {
  const { code, out, err } = await starling([
    'lab',
    'demo',
    '--exit-when-converged',
    '--datastore',
    'etcd',
    ...PATIENTLY,
  ])
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toMatch(/datastore etcd http:\/\/127\.0\.0\.1:\d+/)
})

test('a node added to etcd peers and gets its routes, and no other session is reset', async () => {
  lab = await Lab.start({
    topology: topology('demo'),
    mode: 'netns',
    datastore: 'etcd',
    program: PROGRAM,
    progress: () => {},
    late: ['r2n2'],
  })
  const others = (absent: readonly string[]) => absent.filter((line) => !line.includes('r2n2'))
  const before = await until(lab, (_view, absent) => others(absent).length === 0)
  const begin = performance.now()
  await lab.join('r2n2')
  await converged(lab)
  const seconds = Math.floor((performance.now() - begin) / 1000)
  // Every age in it is of a moment after `seconds` was taken.
  const after = await lab.look()
  for (const { plan } of before.devices) {
    for (const [address, age] of ages(before, plan.name)) {
      if (before.devices.some(({ plan: { name, address: own } }) => name === 'r2n2' && own === address)) continue
      expect(ages(after, plan.name).get(address), `${plan.name} to ${address}`).toBeGreaterThanOrEqual(
        age + seconds - 1,
      )
    }
  }
})

test('killing etcd loses no session and no route, and its return changes nothing', async () => {
  lab = await Lab.start({
    topology: topology('demo'),
    mode: 'netns',
    datastore: 'etcd',
    program: PROGRAM,
    progress: () => {},
  })
  const running = lab
  const before = await converged(running)
  const target = before.pods.find(({ node }) => node === 'r2n1')!
  const { result: after, lost } = await pingDuring(running, 'r1n1-p1', target.address, async () => {
    await running.kill('store', 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 4000))
    const during = await converged(running)
    await running.restart('store')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await converged(running)
    return during
  })
  expect(lost).toBe(0)
  for (const { plan } of before.devices) {
    for (const [address, age] of ages(before, plan.name))
      expect(ages(after, plan.name).get(address)).toBeGreaterThan(age)
  }
})
