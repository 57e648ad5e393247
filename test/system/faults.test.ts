/**
 * What breaks in a data centre, done to the demo's topology while a pod in one rack pings a pod in the other: a node's
 * daemon killed and restarted, the reflector killed, the datastore killed, and garbage on port 179.
 */

import type { Lab, LabView } from '@starling/lab'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { ages, converged, inside, pingDuring, startLab, topology, until } from './support.js'

needs('netns')

const BIRD = 12
let lab: Lab
let target: string

beforeAll(async () => {
  lab = await startLab(topology('demo'))
  const view = await converged(lab)
  target = view.pods.find(({ node }) => node === 'r2n1')!.address
})
afterAll(() => lab?.stop())

/** Routes with our protocol on every device, as comparable text. */
const ownRoutes = (view: LabView) =>
  view.devices.map(({ plan, kernel = [] }) => [
    plan.name,
    kernel
      .filter(({ protocol }) => protocol === BIRD)
      .map(({ prefix, type, gateway }) => `${prefix} ${type} ${gateway ?? ''}`)
      .sort(),
  ])
const down = (view: LabView, name: string) => view.devices.find(({ plan }) => plan.name === name)?.ended !== ''
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe('faults', () => {
  test('kill -9 of a node leaves its routes, and a restart adopts them without a lost ping', async () => {
    const before = ownRoutes(await lab.look())
    const { lost, sent } = await pingDuring(lab, 'r1n1-p1', target, async () => {
      await lab.kill('r1n1', 'SIGKILL')
      await until(lab, (view) => down(view, 'r1n1'))
      await pause(1000)
      expect(ownRoutes(await lab.look())).toEqual(before)
      await lab.restart('r1n1')
      await converged(lab)
      // What is cleaned up after the restart must not take anything along either.
      await pause(1500)
    })
    expect(sent).toBeGreaterThan(50)
    expect(lost).toBe(0)
    expect(ownRoutes(await lab.look())).toEqual(before)
  })

  test('killing the reflector loses no installed route and no ping', async () => {
    const before = ownRoutes(await lab.look())
    const { lost } = await pingDuring(lab, 'r1n1-p1', target, async () => {
      await lab.kill('rr1', 'SIGKILL')
      await until(lab, (_view, absent) => absent.some((line) => line.startsWith('r1n1 to rr1')))
      await pause(2000)
      expect(ownRoutes(await lab.look())).toEqual(before)
      await lab.restart('rr1')
      await converged(lab)
      await pause(1500)
    })
    expect(lost).toBe(0)
    expect(ownRoutes(await lab.look())).toEqual(before)
  })

  test('killing the datastore loses nothing, and sessions do not even notice', async () => {
    const earlier = await lab.look()
    const { lost } = await pingDuring(lab, 'r1n1-p1', target, async () => {
      await lab.kill('store', 'SIGKILL')
      await pause(3000)
      await converged(lab)
      await lab.restart('store')
      await pause(2000)
      await converged(lab)
    })
    expect(lost).toBe(0)
    const later = await lab.look()
    expect(ownRoutes(later)).toEqual(ownRoutes(earlier))
    for (const { plan } of earlier.devices) {
      for (const [address, age] of ages(earlier, plan.name))
        expect(ages(later, plan.name).get(address), `${plan.name} to ${address}`).toBeGreaterThan(age)
    }
  })

  test('garbage on port 179 is answered with a NOTIFICATION and changes nothing else', async () => {
    const before = await lab.look()
    // From the ToR, a configured peer: a stranger's connection is closed before a byte is read.
    const answer = await inside(lab, 'tor1', process.execPath, '-e', GARBAGE, '10.0.1.11')
    const messages = split(Buffer.from(answer.trim(), 'hex'))
    expect(messages.at(-1)).toMatchObject({ type: 3, code: 1, subcode: 1 })
    await pause(500)
    const after = await converged(lab)
    expect(ownRoutes(after)).toEqual(ownRoutes(before))
    for (const [at, device] of after.devices.entries()) {
      const earlier = before.devices[at]!.daemon
      if (!device.daemon.answers || !earlier.answers) throw new Error(`${device.plan.name} does not answer`)
      for (const peer of device.daemon.peers) {
        const age = earlier.peers.find(({ address }) => address === peer.address)?.ageSeconds
        expect(peer.ageSeconds ?? 0, `${device.plan.name} to ${peer.address}`).toBeGreaterThanOrEqual(age ?? 0)
      }
    }
  })
})

/** Connects, says something that is not BGP, prints what comes back as hex. */
const GARBAGE = `
const socket = require('node:net').connect(179, process.argv[1], () => socket.write('GET / HTTP/1.1\\r\\nHost: bgp.example\\r\\n\\r\\n'))
const heard = []
socket.on('data', (chunk) => heard.push(chunk))
socket.on('error', () => {})
socket.setTimeout(60000, () => socket.destroy())
socket.on('close', () => console.log(Buffer.concat(heard).toString('hex')))
`

/** Type of each BGP message, with code and subcode of a NOTIFICATION (RFC 4271 4.1, 4.5). */
function split(bytes: Buffer): { type: number; code?: number; subcode?: number }[] {
  const messages = []
  for (let at = 0; at + 19 <= bytes.length; at += bytes.readUInt16BE(at + 16)) {
    const type = bytes[at + 18]!
    messages.push(type === 3 ? { type, code: bytes[at + 19]!, subcode: bytes[at + 20]! } : { type })
  }
  return messages
}
