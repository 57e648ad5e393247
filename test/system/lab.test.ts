/**
 * The lab by itself, with BIRD on every device: what it builds converges without any of our daemons, links can be cut and
 * healed, and a second terminal can look, run commands and break things. If this fails, the ground is at fault and not Starling.
 */

import type { Lab, LabView } from '@starling/lab'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askControl, serveControl } from '../../packages/lab/src/run/control.js'
import { handleRequest } from '../../packages/lab/src/run/requests.js'
import { socketOf } from '../../packages/lab/src/run/state.js'
import { needs } from '../support/needs.js'
import { converged, startLab, topology } from './support.js'

needs('netns', 'bird', 'ip')

let lab: Lab
let first: readonly LabView[]
let control: ReturnType<typeof serveControl>

beforeAll(async () => {
  const birds = topology(
    'demo',
    ['racks: [core, r1, r2] }', 'racks: [core, r1, r2], daemon: bird }'],
    [', pods: 1 }', ', pods: 1, daemon: bird }'],
    ['  - { name: rr1, rack: core }\n', ''],
    ['reflectors:\n', 'reflectors: []\n'],
  )
  lab = await startLab(birds)
  control = serveControl(socketOf(lab.id), (request, output) => handleRequest(lab, request, output))
  first = await Promise.all([lab.look(), lab.look()])
  await converged(lab)
})
afterAll(async () => {
  control?.close()
  await lab?.stop()
})

async function ask(command: string, ...args: string[]) {
  let out = ''
  const hear = (text: string) => {
    out += text
  }
  return { exit: await askControl(socketOf(lab.id), { command, args }, { out: hear, err: hear }), out }
}

test('looks that overlap connect each pod once', () => {
  for (const { pods, trouble } of first) {
    expect(trouble).toBe('')
    expect(pods).toHaveLength(4)
  }
})

test('a mesh of BIRDs behind a BIRD ToR converges, pods and all', async () => {
  const { exit, out } = await ask('status')
  expect(exit).toBe(0)
  expect(out).toMatch(/r2n2 +node +bird +64512 +4\/4 +10\.244\.\S+\/26 +4\/4 +10\.244\.\S+ +3\/3/)
})

test('a command runs inside the namespace of a device', async () => {
  const { exit, out } = await ask('exec', 'r1n1', 'ip', '-4', 'address', 'show', 'eth0')
  expect(exit).toBe(0)
  expect(out).toContain('10.0.1.11/24')
  expect(await ask('exec', 'nobody', 'true')).toMatchObject({ exit: 1, out: expect.stringContaining('"nobody"') })
})

test('a cut link loses pings and a healed one does not', async () => {
  expect((await ask('ping', 'r1n1-p1', 'r2n1-p1', '1')).exit).toBe(0)
  await ask('cut', 'r2n1')
  expect(await ask('ping', 'r1n1-p1', 'r2n1-p1', '1')).toMatchObject({
    exit: 1,
    out: expect.stringContaining('no answer'),
  })
  expect((await ask('status')).out).toContain('r2n1 (cut)')
  await ask('heal', 'r2n1')
  await converged(lab)
})

test('a killed daemon leaves its routes and is shown as ended until it is started again', async () => {
  await ask('kill', 'r1n2')
  const { exit, out } = await ask('status')
  expect(exit).toBe(2)
  expect(out).toMatch(/r1n2 \(SIGKILL\) .* 4\/4/)
  await ask('restart', 'r1n2')
  await converged(lab)
})
