/** What is left of a lab that crashed: its processes and its folder are gone when `removeLab` returns, not soon after. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { folderOf, isAlive, removeLab, STATE_VARIABLE, startOf } from './state.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'starling-state-'))
  vi.stubEnv(STATE_VARIABLE, root)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
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
