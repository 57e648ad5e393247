/**
 * Restarts without a gap: a ping runs while programmers are killed and started, while BIRD's kernel table is taken over
 * and handed back. Not one packet may be lost.
 */

import type { ChildProcess } from 'node:child_process'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundled } from '../support/bundle.js'
import { needs } from '../support/needs.js'
import { eventually } from './netns.js'
import { Rack, startPing } from './rack.js'

needs('root', 'netns', 'ip', 'ping', 'bird')

const WISH = '10.100.0.0/24=10.1.0.2'

interface Counters {
  added: number
  replaced: number
  deleted: number
}

describe('handover', () => {
  let folder = ''
  let agentFile = ''

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'starling-handover-'))
    const run = "import { main } from './agent.ts'; main(process.argv.slice(2))"
    agentFile = await bundled('agent', import.meta.dirname, run)
  })

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(agentFile, { force: true })
  })

  /** Starts an agent and waits until it has come to rest. */
  async function agent(rack: Rack, ...args: string[]): Promise<{ child: ChildProcess; counters: () => Counters }> {
    const child = rack.host.spawn(process.execPath, agentFile, ...args)
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await eventually(`the agent rests: ${output}`, () => output.includes('\n'))
    return { child, counters: () => JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as Counters }
  }

  function exited(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    return new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.kill(signal)
    })
  }

  it('kill -9 leaves the routes, a restart adopts them, no packet is lost', async () => {
    const rack = new Rack()
    try {
      let { child, counters } = await agent(rack, WISH)
      expect(counters().added).toBe(1)
      const ping = await startPing(rack.host, '10.100.0.5', 2)
      for (let i = 0; i < 3; i++) {
        await exited(child, 'SIGKILL')
        expect(rack.routes()).toHaveLength(1)
        ;({ child, counters } = await agent(rack, WISH))
        expect(counters()).toMatchObject({ added: 0, replaced: 0, deleted: 0 })
      }
      const { sent, received } = await ping.stop()
      expect(received).toBeGreaterThan(100)
      expect(sent - received).toBe(0)
    } finally {
      rack.destroy()
    }
  })

  it('leftovers stay until deletions are allowed', async () => {
    const rack = new Rack()
    try {
      await exited((await agent(rack, WISH, '10.101.0.0/24=10.2.0.2')).child, 'SIGKILL')
      await exited((await agent(rack, '--hold', WISH)).child, 'SIGKILL')
      expect(rack.routes()).toHaveLength(2)
      await agent(rack, WISH)
      await eventually('the leftover is gone', () => rack.routes().length === 1)
    } finally {
      rack.destroy()
    }
  })

  it("BIRD's kernel table is adopted and handed back without losing a packet", async () => {
    const rack = new Rack()
    const config = join(folder, 'bird.conf')
    const control = join(folder, 'bird.ctl')
    writeFileSync(
      config,
      [
        'router id 10.1.0.1;',
        'protocol device { }',
        'protocol kernel { persist; scan time 2; metric 0; ipv4 { import none; export all; }; }',
        'protocol static { ipv4; route 10.100.0.0/24 via 10.1.0.2; }',
        '',
      ].join('\n'),
    )
    const startBird = async () => {
      const child = rack.host.spawn('bird', '-f', '-c', config, '-s', control)
      await eventually('BIRD answers', () => {
        try {
          return execFileSync('birdc', ['-s', control, 'show', 'status'], { stdio: 'pipe' }).includes('up and running')
        } catch {
          return false
        }
      })
      return child
    }
    try {
      const first = await startBird()
      await eventually("BIRD's route", () => rack.routes().length === 1)
      const ping = await startPing(rack.host, '10.100.0.5', 2)
      await exited(first, 'SIGTERM')
      const { child, counters } = await agent(rack, WISH)
      expect(counters()).toMatchObject({ added: 0, replaced: 0, deleted: 0 })
      await exited(child, 'SIGKILL')
      const second = await startBird()
      await eventually("BIRD's route again", () => rack.routes().length === 1)
      const { sent, received } = await ping.stop()
      await exited(second, 'SIGTERM')
      expect(received).toBeGreaterThan(50)
      expect(sent - received).toBe(0)
    } finally {
      rack.destroy()
    }
  })
})
