/**
 * `starling lab` as a person uses it: up in the background, looked at and asked from other commands, down again; and the
 * same after a crash of the lab itself, where only `down --all` knows what is left.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { finished, LAB_STATE, PATIENTLY, PROGRAM, processesWith, starling, stateFolderExists } from './support.js'

needs('netns')

afterAll(async () => {
  await starling(['lab', 'down', '--all'])
})

test('up, status, show, explain, exec, ping, kill, restart, down', async () => {
  const up = await starling(['lab', 'up', 'demo', ...PATIENTLY])
  expect(up).toMatchObject({ code: 0, err: '' })
  expect(up.out).toContain('demo is up')

  const status = await starling(['lab', 'status', '-o', 'json'])
  expect(status.code).toBe(0)
  const { missing, devices } = JSON.parse(status.out) as {
    missing: string[]
    devices: { plan: { name: string }; blocks: string[] }[]
  }
  expect(missing).toEqual([])
  const block = devices.find(({ plan }) => plan.name === 'r2n1')!.blocks[0]!

  const peers = await starling(['lab', 'show', 'r1n1', 'peers'])
  expect(peers.code).toBe(0)
  expect(peers.out.match(/Established/g)).toHaveLength(2)
  const explained = await starling(['lab', 'explain', 'r1n1', block])
  expect(explained.code).toBe(0)
  expect(explained.out).toContain('10.0.2.11')

  expect((await starling(['lab', 'ping', 'r1n1-p1', 'r2n2-p1', '-c', '1'])).code).toBe(0)
  expect((await starling(['lab', 'exec', 'r1n1', '--', 'cat', '/proc/net/route'])).out).toContain('eth0')
  const shell = `${process.execPath} ${PROGRAM} lab exec r1n1 -- sh -c 'test -t 0 && cat /proc/net/route'`
  const typed = spawnSync('script', ['-qec', shell, '/dev/null'], { encoding: 'utf8' })
  expect(typed.stdout).toContain('eth0')

  // One ends by itself, which may be before the reflector is back; one goes on until it is told to end.
  const folder = mkdtempSync(join(tmpdir(), 'starling-capture-'))
  const [short, file] = [join(folder, 'short.pcap'), join(folder, 'rr1.pcap')]
  const into = (path: string) => ['lab', 'capture', 'rr1', 'core', '-w', path, '--port', '179']
  const counted = starling([...into(short), '-c', '40', '--seconds', '300'])
  const capture = spawn(process.execPath, [PROGRAM, ...into(file)])
  const captured = finished(capture)
  await expect.poll(() => existsSync(short)).toBe(true)
  await expect.poll(() => existsSync(file)).toBe(true)
  expect((await starling(['lab', 'kill', 'rr1'])).code).toBe(0)
  expect(await starling(['lab', 'status'])).toMatchObject({ code: 2, out: expect.stringContaining('rr1 (SIGKILL)') })
  expect((await starling(['lab', 'ping', 'r1n1-p1', 'r2n2-p1', '-c', '1'])).code).toBe(0)
  expect((await starling(['lab', 'restart', 'rr1'])).code).toBe(0)
  expect(await counted).toMatchObject({ code: 0, out: expect.stringMatching(/^40 frames in /) })
  await expect.poll(async () => (await starling(['decode', '--pcap', file])).out).toMatch(/OPEN/)
  capture.kill('SIGINT')
  await captured
  rmSync(folder, { recursive: true })

  expect((await starling(['lab', 'down'])).code).toBe(0)
  expect(processesWith(LAB_STATE)).toEqual([])
  expect(stateFolderExists('demo')).toBe(false)
  expect((await starling(['lab', 'status'])).err).toContain('no lab is running')
})

test('what a crashed lab leaves is found and removed', async () => {
  expect((await starling(['lab', 'up', 'demo', ...PATIENTLY])).code).toBe(0)
  const pid = Number(/pid (\d+)/.exec((await starling(['lab', 'list'])).out)?.[1])
  process.kill(pid, 'SIGKILL')
  await expect.poll(async () => (await starling(['lab', 'list'])).out).toContain('(crashed)')
  expect(processesWith(LAB_STATE).length).toBeGreaterThan(0)
  expect((await starling(['lab', 'down', '--all'])).code).toBe(0)
  expect(processesWith(LAB_STATE)).toEqual([])
  expect(stateFolderExists('demo')).toBe(false)
})
