/**
 * Who may write a kernel's routes: an unprivileged user with CAP_NET_ADMIN and nothing else, nobody without it, one agent
 * per network namespace, and through `starling programmer` only users it was told to let in.
 */

import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TwoHosts, until } from '../support/agents.js'
import { needs } from '../support/needs.js'

needs('root', 'netns', 'ip', 'ping', 'procps', 'setpriv')

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs']
const caps = (which: string) => [
  'setpriv',
  ...NOBODY,
  ...['--inh-caps', '--ambient-caps', '--bounding-set'].map((set) => `${set}=-all${which}`),
]

let hosts: TwoHosts
beforeAll(async () => {
  hosts = await new TwoHosts().start()
})
afterAll(() => hosts?.destroy())

const bird = () => hosts.n1.ip('route show proto bird').split('\n').filter(Boolean).length

test('an ordinary user with NET_ADMIN alone runs a whole agent, and another one beside it is refused', async () => {
  const agent = hosts.node(1, [], caps(',+net_admin'))
  hosts.node(2)
  await hosts.converged()
  expect(bird()).toBe(2)
  hosts.pod1.exec('ping', '-n', '-c', '1', '-w', '60', '10.64.2.5')

  const second = hosts.run(hosts.n1, ['node', '--name', 'n1', '--datastore', hosts.spec, '--no-control'])
  expect(await second.gone).toBe(1)
  expect(second.said).toMatch(
    new RegExp(`starling node n1 \\(pid ${agent.child.pid}\\) writes the kernel routes here already.*--fib memory`),
  )
  expect(await hosts.whole(1)).toBe(true)
  await agent.end('SIGTERM')
})

test('without the capability it says what is missing and what else there is', async () => {
  const refused = hosts.node(1, [], caps(''))
  expect(await refused.gone).toBe(1)
  expect(refused.said).toMatch(/needs CAP_NET_ADMIN.*--fib remote:PATH.*--fib memory/)

  const memory = hosts.node(1, ['--fib', 'memory'], caps(''))
  await until('the agent in memory', async () => (await hosts.kernel(1).catch(() => undefined))?.kernel.installed === 2)
  await memory.end('SIGTERM')
})

test('a programmer refuses users it was not told about, and says whom', async () => {
  const socket = join(hosts.folder, 'programmer.sock')
  // The mode of the file lets everybody through, so that credentials alone decide.
  const programmer = hosts.run(hosts.n1, ['programmer', '--socket', socket, '--allow-uid', '65533'])
  await until('the programmer listens', () => programmer.said.includes('listening'))
  const stranger = hosts.node(1, ['--fib', `remote:${socket}`], caps(''))
  await until('the refusal', () => programmer.said.includes('refused a client with uid 65534'))
  await stranger.end('SIGKILL')
  await programmer.end('SIGTERM')
})
