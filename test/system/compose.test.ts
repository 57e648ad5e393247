/**
 * docker-compose.yml and its twin without containers: `starling lab up topology/compose.yaml` converges in bounded time and
 * leaves nothing, and the configurations that the containers of other daemons mount are good ones by those daemons' own word.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { needs } from '../support/needs.js'
import { hostLinks, LAB_STATE, PATIENTLY, processesWith, starling, stateFolderExists } from './support.js'

needs('root', 'netns', 'etcd', 'bird', 'frr', 'gobgp', 'openbgpd')

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-compose-'))
})
afterAll(async () => {
  await starling(['lab', 'down', '--lab', 'compose'])
  rmSync(folder, { recursive: true, force: true })
})

test('the topology of docker-compose.yml without containers', async () => {
  const begin = performance.now()
  const up = await starling(['lab', 'up', 'compose', ...PATIENTLY])
  expect(up).toMatchObject({ code: 0, err: '' })
  console.log(`lab up compose: ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  const { out } = await starling(['lab', 'status', '--lab', 'compose'])
  expect(out).toMatch(/tor +ToR +frr +64601 +3\/3 +- +3\/3/)
  expect(out).toMatch(/rr-2 +reflector +starling +64512 +4\/4/)
  expect(out.match(/node +starling +64512 +3\/3/g)).toHaveLength(3)
  const peers = await starling(['lab', 'show', '--lab', 'compose', 'rr-1', 'peers'])
  expect(peers.out.match(/Established/g)).toHaveLength(4)
  expect((await starling(['lab', 'down', '--lab', 'compose'])).code).toBe(0)
  expect(stateFolderExists('compose')).toBe(false)
  expect(processesWith(LAB_STATE)).toEqual([])
})

test('a crashed lab with etcd and FRR in it leaves nothing once it is taken down', async () => {
  expect(await starling(['lab', 'up', 'compose', ...PATIENTLY])).toMatchObject({ code: 0, err: '' })
  const before = hostLinks()
  const pid = Number(/^compose .* pid (\d+)/m.exec((await starling(['lab', 'list'])).out)?.[1])
  process.kill(pid, 'SIGKILL')
  await expect.poll(async () => (await starling(['lab', 'list'])).out).toMatch(/^compose .*\(crashed\)/m)
  expect(processesWith(LAB_STATE).length).toBeGreaterThan(0)
  expect((await starling(['lab', 'down', '--all'])).code).toBe(0)
  expect(processesWith(LAB_STATE)).toEqual([])
  expect(stateFolderExists('compose')).toBe(false)
  expect(hostLinks()).toEqual(before)
})

test.each([
  ['bird', ['bird', '-p', '-c']],
  ['gobgp', ['gobgpd', '--dry-run', '-f']],
  ['openbgpd', ['/usr/sbin/bgpd', '-n', '-f']],
  ['frr', ['/usr/lib/frr/bgpd', '-C', '-f']],
])('the configuration that the container of %s mounts', (name, [command = '', ...args]) => {
  const compose = parse(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8'), {
    merge: true,
  }) as {
    configs: Record<string, { content: string }>
  }
  const file = join(folder, name)
  writeFileSync(file, compose.configs[name]?.content ?? '', { mode: 0o600 })
  const { status, stdout, stderr } = spawnSync(command, [...args, file], { encoding: 'utf8' })
  expect(status, `${stdout}${stderr}`).toBe(0)
})
