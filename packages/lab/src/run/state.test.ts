/**
 * Names and folders of labs: whose is whose, also when several start or one has crashed. What is left of a lab that crashed
 * is gone when `removeLab` returns, not soon after.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  createFolder,
  folderOf,
  isAlive,
  listStates,
  ownProcess,
  readState,
  removeLab,
  STATE_VARIABLE,
  saveState,
  startOf,
} from './state.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'starling-state-'))
  vi.stubEnv(STATE_VARIABLE, root)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const about = (lab = ownProcess()) => ({ topology: 'demo', mode: 'netns', lab, children: [] })
/** Its number is taken, but not by it. */
const DEAD = { pid: process.pid, start: 'of another' }

it('a folder has its state from the first moment, and a name that is taken gets a number', () => {
  expect([createFolder(about()).id, createFolder(about()).id]).toEqual(['demo', 'demo-2'])
  expect(readState('demo')).toEqual({ id: 'demo', ...about() })
  expect(readdirSync(root).sort()).toEqual(['demo', 'demo-2'])
  expect(listStates().map(({ id }) => id)).toEqual(['demo', 'demo-2'])
})

it.each([
  ['a crashed lab', () => saveState({ id: 'demo', ...about(DEAD) })],
  ['a removal that was broken off', () => writeFileSync(join(folderOf('demo'), 'r1n1.log'), 'words')],
])('the name that %s left is free again, and its files are gone', (_what, leave) => {
  mkdirSync(folderOf('demo'))
  leave()
  expect(createFolder(about()).id).toBe('demo')
  expect(readdirSync(root)).toEqual(['demo'])
  expect(readdirSync(folderOf('demo'))).toEqual(['lab.json'])
})

it('who removes a crashed lab spares the one that has its name by now', () => {
  createFolder(about())
  removeLab({ id: 'demo', ...about(DEAD) })
  expect(readState('demo')).toEqual({ id: 'demo', ...about() })
  expect(readdirSync(root)).toEqual(['demo'])
})

it('a lab that is removed leaves no process and no folder, at once', async () => {
  mkdirSync(folderOf('demo'))
  // Much memory takes long to give back: the process is there for a while after its signal.
  const program =
    "globalThis.much = Buffer.alloc(256 << 20, 1); setInterval(() => 0, 1000); process.stdout.write('here')"
  const started = Array.from({ length: 2 }, () => spawn(process.execPath, ['-e', program]))
  await Promise.all(started.map((child) => once(child.stdout, 'data')))
  const children = started.map(({ pid = 0 }, i) => ({ name: `d${i}`, pid, start: startOf(pid) ?? '' }))
  expect(children.every(isAlive)).toBe(true)
  const ended = { pid: process.ppid, start: 'of another' }
  removeLab({ id: 'demo', topology: 'demo', mode: 'netns', lab: ended, children })
  expect(children.filter(isAlive)).toEqual([])
  expect(existsSync(folderOf('demo'))).toBe(false)
})
