/**
 * docs/guides/migration.md, rehearsed: a mesh of BIRDs configured as Calico configures them becomes a mixed cluster and goes
 * back, and the mesh becomes reflectors and a mesh again, by the command that the guide names. Pods on every node ping each
 * other all the time, and no step loses one packet.
 */

import { writeFileSync } from 'node:fs'
import { birdFile, type Lab, parseTopology } from '@starling/lab'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { Confd, calicoBird } from './confd.js'
import { converged, inside, PROGRAM, pingDuring, starling, startLab } from './support.js'

needs('netns', 'bird', 'ip')

const TOPOLOGY = `name: migration
racks: [{ name: r1, subnet: 10.0.1.0/24 }]
nodes:
  - { name: a, rack: r1, daemon: bird }
  - { name: b, rack: r1, daemon: bird }
  - { name: c, rack: r1, daemon: bird }
  - { name: e, rack: r1, pods: 0 }
  - { name: f, rack: r1, pods: 0 }
`

let lab: Lab
let confd: Confd

beforeAll(async () => {
  lab = await startLab(parseTopology('migration.yaml', TOPOLOGY), 'embedded', {
    configured: async (its, { name }) => writeFileSync(birdFile(its.folder, name), await calicoBird(its, name)),
  })
  confd = new Confd(lab, true)
  await converged(lab)
})
afterAll(async () => {
  await confd?.stop()
  await lab?.stop()
})
/** What every step must leave: all sessions and routes, and no packet lost between any two pods. */
let lost: Record<string, number> = {}
afterEach(() => expect(lost).toEqual({}))

/** Pings from every pod to every other while `action` runs. */
async function steadily(action: () => Promise<unknown>): Promise<void> {
  const { pods } = await lab.look()
  expect(pods).toHaveLength(3)
  lost = {}
  let sent = 0
  const done = action()
  await Promise.all(
    pods.flatMap((from) =>
      pods
        .filter((to) => to !== from)
        .map(async (to) => {
          const result = await pingDuring(lab, from.name, to.address, () => done)
          sent += result.sent
          if (result.lost > 0) lost[`${from.name} to ${to.name}`] = result.lost
        }),
    ),
  )
  expect(sent).toBeGreaterThan(100)
}

const sessionsOf = async (name: string) => {
  const daemon = (await lab.look()).devices.find(({ plan }) => plan.name === name)?.daemon
  return daemon?.answers === true ? daemon.peers.map(({ address, state }) => `${address} ${state}`).sort() : []
}
const UP = (...hosts: number[]) => hosts.map((host) => `10.0.1.${host} Established`)

test('node by node, first half: the container with BIRD is killed, Starling starts at once', async () => {
  await steadily(async () => {
    await lab.replace('a', 'starling', 'SIGKILL')
    await converged(lab)
  })
  // BIRD's routes have another metric: they go once Starling knows that nobody needs them.
  const present = async () => {
    const text = await inside(lab, 'a', 'ip', 'route', 'show', 'proto', 'bird')
    return text.trim().split('\n').length
  }
  await expect.poll(present).toBe(3)
})

test('node by node, second half: BIRD as a service of the host is told that it is restarted', async () => {
  await steadily(async () => {
    await inside(lab, 'b', 'birdc', '-s', `${lab.folder}/b.sock`, 'graceful', 'restart')
    await lab.replace('b', 'starling')
    await converged(lab)
  })
})

test('the mixed cluster: BIRD on c restarts, Starling on a restarts', async () => {
  await steadily(async () => {
    await lab.kill('c', 'SIGKILL')
    await lab.restart('c')
    await converged(lab)
    await lab.kill('a', 'SIGTERM')
    await lab.restart('a')
    await converged(lab)
  })
})

test('Starling starts while BIRD still speaks: it waits, touches nothing, and is there when BIRD has gone', async () => {
  const control = `${lab.folder}/c-next.sock`
  const ns = lab.network?.namespace('c')
  const args = ['node', '--name', 'c', '--datastore', lab.store.spec(ns), '--control', control]
  const routes = () => inside(lab, 'c', 'ip', 'route', 'show', 'proto', 'bird')
  const before = await routes()
  await steadily(async () => {
    lab.processes.start({ name: 'c-next', ns, command: process.execPath, args: [PROGRAM, ...args] })
    const health = () => starling(['health', '--control', control])
    await expect.poll(async () => (await health()).err).toContain('port-held')
    // Longer than a graceful restart waits for passive neighbours.
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    expect(await health()).toMatchObject({ code: 4, err: expect.stringContaining('port-held') })
    expect(await routes()).toBe(before)
    expect(await sessionsOf('c')).toEqual(UP(11, 12, 14, 15))
    await lab.kill('c', 'SIGKILL')
    const begin = performance.now()
    await expect.poll(async () => (await health()).code, { interval: 100 }).toBe(0)
    console.log(`BIRD killed to Starling ready: ${(performance.now() - begin).toFixed(0)} ms`)
    const peers = async () => (await starling(['show', 'peers', '--control', control, '--state', 'Established'])).out
    await expect.poll(async () => (await peers()).match(/Established/g)?.length).toBe(4)
    await lab.processes.kill('c-next', 'SIGTERM')
    await lab.restart('c')
    await converged(lab)
  })
})

test('back on one node: Starling stops, BIRD takes its routes over', async () => {
  await steadily(async () => {
    await lab.replace('b', 'bird', 'SIGTERM')
    await converged(lab)
  })
})

const migrate = (...more: string[]) => {
  const apis = ['a', 'e', 'f'].flatMap((name) => ['--ask', `${name}=${lab.folder}/${name}.sock`])
  const command = ['migrate', 'mesh-to-reflectors', '--datastore', lab.store.spec(undefined), '--settle', '3']
  return starling([...command, '--timeout', '300', ...apis, ...more])
}

test('mesh to reflectors: a dry run says every step and does none', async () => {
  const { code, out } = await migrate('--reflector', 'e', '--reflector', 'f', '--dry-run')
  expect(code).toBe(0)
  expect(out).toMatch(
    /2 reflectors \(e, f\), 3 other nodes.*1\. BGPPeers.*2\. e becomes.*3\. f becomes.*4\. the mesh goes off/s,
  )
  expect(await sessionsOf('a')).toEqual(UP(12, 13, 14, 15))
})

test('mesh to reflectors: one that owns blocks is refused while BIRD would reset its sessions', async () => {
  const { code, out, err } = await migrate('--reflector', 'a', '--reflector', 'b')
  expect({ code, err }).toEqual({ code: 4, err: expect.stringMatching(/a owns blocks.*b and c|a owns blocks.*c/s) })
  expect(out).toContain('[1/4] BGPPeers')
  expect((await migrate('--back')).code).toBe(0)
  expect(await sessionsOf('a')).toEqual(UP(12, 13, 14, 15))
})

test('mesh to reflectors, with BIRD and Starling as clients', async () => {
  await steadily(async () => {
    const { code, out, err } = await migrate('--reflector', 'e', '--reflector', 'f')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(
      /\[4\/4\] the mesh goes off.*5 of 5 nodes.*done: every node has its reflectors, the mesh is off/s,
    )
  })
  expect(await sessionsOf('a')).toEqual(UP(14, 15))
  await expect.poll(() => sessionsOf('c')).toEqual(UP(14, 15))
  expect(confd.reloads).toBeGreaterThan(3)
  expect((await migrate()).out).toMatch(/^nothing is left to do/)
})

test('reflectors to mesh', async () => {
  await steadily(async () => {
    const { code, out, err } = await migrate('--back')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/the mesh comes on.*done: the mesh is back/s)
  })
  await converged(lab)
  expect(await sessionsOf('a')).toEqual(UP(12, 13, 14, 15))
})
