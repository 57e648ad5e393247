/**
 * `starling lab up` and `down` as a person types them: several at once, and nothing of them left in the state folder, be it
 * after an orderly end, a crash, or a start that failed.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { finished, LAB_STATE, PATIENTLY, PROGRAM, processesWith, starling } from './support.js'

needs('netns')

const file = join(LAB_STATE, 'pair.yaml')
writeFileSync(
  file,
  'name: pair\nracks: [{ name: r1, subnet: 10.0.1.0/24 }]\nnodes: [{ name: a, rack: r1 }, { name: b, rack: r1 }]\n',
)
const left = () => readdirSync(LAB_STATE).filter((name) => !name.endsWith('.yaml'))
const labs = (out: string) => out.match(/^\S+/gm) ?? []

afterAll(() => starling(['lab', 'down', '--all']))

test('two labs that start at once are two labs, and each command waits for its own', async () => {
  const up = () => starling(['lab', 'up', file, ...PATIENTLY])
  const [one, two] = await Promise.all([up(), up()])
  expect([one.code, two.code]).toEqual([0, 0])
  const told = [one, two].map(({ out }) => /^(\S+) is up/m.exec(out)?.[1]).sort()
  expect(told).toEqual(['pair', 'pair-2'])
  expect([one.out, two.out].some((out) => out.includes('starling lab down --lab pair'))).toBe(true)

  expect(await starling(['lab', 'down'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('choose with --lab ID'),
  })
  expect((await starling(['lab', 'down', '--lab', 'pair-2'])).out).toBe('pair-2 is gone\n')
  expect((await starling(['lab', 'down'])).out).toBe('pair is gone\n')
  expect(left()).toEqual([])
  expect(processesWith(LAB_STATE)).toEqual([])
})

test('what a killed lab left is named, and removed by down --all', async () => {
  expect((await starling(['lab', 'up', file, ...PATIENTLY])).code).toBe(0)
  const { out } = await starling(['lab', 'list'])
  expect(labs(out)).toEqual(['pair'])
  process.kill(Number(/pid (\d+)/.exec(out)?.[1]), 'SIGKILL')

  expect((await starling(['lab', 'down'])).err).toContain('starling lab down --all')
  expect((await starling(['lab', 'down', '--all'])).code).toBe(0)
  expect(left()).toEqual([])
  expect(processesWith(LAB_STATE)).toEqual([])
})

/** Racks that nothing connects: their nodes never hear of each other, however fast the machine is. */
const apart = join(LAB_STATE, 'apart.yaml')
writeFileSync(
  apart,
  'name: apart\nracks: [{ name: r1, subnet: 10.0.1.0/24 }, { name: r2, subnet: 10.0.2.0/24 }]\n' +
    'nodes: [{ name: a, rack: r1 }, { name: b, rack: r2 }]\n',
)

test('a lab that does not converge in time runs on, and the words say how to look at it and remove it', async () => {
  const { code, out, err } = await starling(['lab', 'up', apart, '--timeout', '0.6'])
  expect(code).toBe(1)
  expect(out).not.toContain('is up')
  expect(err).toMatch(/not converged after 0\.6 s; the last lines of .*\.log:/)
  expect(err).toContain('remove it with "starling lab down')
  await expect.poll(async () => labs((await starling(['lab', 'list'])).out)).toEqual(['apart'])
  await starling(['lab', 'down', '--all'])
  expect(left()).toEqual([])
  expect(processesWith(LAB_STATE)).toEqual([])
})

test('Ctrl-C on its way up takes back what was begun, and until then it tells how far it is', async () => {
  const child = spawn(process.execPath, [PROGRAM, 'lab', 'up', apart, ...PATIENTLY])
  const done = finished(child)
  const told = new Promise<void>((resolve) => {
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (/^\d+ s, \d+ to go: \d+ of \d+ session ends Established/m.test(out)) resolve()
    })
  })
  await told
  child.kill('SIGINT')
  expect(await done).toMatchObject({ code: 1, err: 'taken down again\n' })
  expect(left()).toEqual([])
  expect(processesWith(LAB_STATE)).toEqual([])
})

test('a lab that still waits for its datastore can be stopped, and does not call that a success', async () => {
  const command = [PROGRAM, 'lab', 'demo', file, '--datastore', 'etcd:http://127.0.0.1:1']
  const child = spawn(process.execPath, command)
  const done = finished(child)
  await expect.poll(() => existsSync(join(LAB_STATE, 'pair', 'lab.json'))).toBe(true)
  child.kill('SIGINT')
  expect(await done).toMatchObject({ code: 1, err: expect.stringContaining('nothing is left') })
  expect(left()).toEqual([])
})
