/**
 * The command at a real terminal (a pseudo-terminal made by util-linux's `script`): `top` fills it, follows its size,
 * leaves it as it was, and shows no colour to those who refuse it; Tab completes in real bash, zsh and fish, with the
 * names a running daemon knows.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon, peerView } from '@starling/api/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { finished, PROGRAM } from './support.js'

needs('script', 'zsh', 'fish')

const ESCAPE = '\u001b'
const folder = mkdtempSync(join(tmpdir(), 'starling-terminal-'))
const daemon: FakeDaemon = fakeDaemon()
const children: ChildProcess[] = []
let api: Api

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  PATH: `${folder}:${process.env['PATH'] ?? ''}`,
  HOME: folder,
  TERM: 'xterm',
  STARLING_CONTROL: join(folder, 's.sock'),
  ...more,
})

beforeAll(async () => {
  daemon.peerList = Array.from({ length: 40 }, (_, i) => peerView(`Mesh_10_0_0_${i + 10}`, `10.0.0.${i + 10}`))
  daemon.peerList[39] = {
    ...daemon.peerList[39]!,
    state: 'Connect',
    reason: `evil ${ESCAPE}[2J${ESCAPE}]0;owned\u0007`,
  }
  api = await startApi({ ports: daemon, control: join(folder, 's.sock'), metrics: { process: false } })
  writeFileSync(join(folder, 'starling'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, { mode: 0o755 })
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A shell command on a terminal of its own; `type` presses keys, `until` waits for the screen. */
function terminal(command: string, more: Record<string, string> = {}) {
  const child = spawn('script', ['-qfec', command, '/dev/null'], { env: environment(more) })
  children.push(child)
  let seen = ''
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString()
  })
  const done = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    type: (keys: string) => child.stdin.write(keys),
    screen: () => seen,
    /** What came since the last `forget`. */
    forget: () => {
      seen = ''
    },
    done,
    async until(what: RegExp, seconds = 90): Promise<void> {
      const end = Date.now() + seconds * 1000
      while (!what.test(seen)) {
        if (Date.now() > end) throw new Error(`never on the screen: ${what}\n${JSON.stringify(seen.slice(-2000))}`)
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    },
  }
}

/** The newest whole picture, line by line, without colours. */
function picture(screen: string): string[] {
  const start = screen.lastIndexOf(`${ESCAPE}[H`, screen.lastIndexOf(`${ESCAPE}[J`))
  const text = screen.slice(start, screen.indexOf(`${ESCAPE}[J`, start))
  return text
    .replaceAll(new RegExp(`${ESCAPE}\\[[0-9;?]*[A-Za-z]`, 'g'), '')
    .replaceAll('\r', '')
    .trimEnd()
    .split('\n')
}

describe('top', () => {
  test('fills the screen, trouble first, and q gives it back', async () => {
    const { screen, type, until, done } = terminal('stty cols 100 rows 30; exec starling top -d 0.2')
    await until(/Mesh_10_0_0_49/)
    await until(new RegExp(`\\${ESCAPE}\\[J`))
    const lines = picture(screen())
    expect(lines.length).toBeLessThanOrEqual(30)
    expect(lines.every((line) => line.length <= 100)).toBe(true)
    const peers = lines.filter((line) => line.startsWith('Mesh_'))
    expect(peers[0]).toContain('Mesh_10_0_0_49')
    expect(lines.some((line) => /and \d+ more/.test(line))).toBe(true)
    expect(screen()).toContain(`${ESCAPE}[31mConnect`)
    // What the peer wrote is shown, not obeyed.
    expect(screen()).not.toContain(`${ESCAPE}]0;owned`)
    expect(screen()).not.toContain(`${ESCAPE}[2J`)
    type('q')
    expect(await done).toBe(0)
    expect(screen().trimEnd().endsWith(`${ESCAPE}[?25h${ESCAPE}[?1049l`)).toBe(true)
  })

  test('follows the size of the terminal', async () => {
    const { screen, type, until, forget, done } = terminal('tty; stty cols 120 rows 40; exec starling top -d 0.2')
    await until(/Mesh_10_0_0_30/)
    const [device = ''] = /\/dev\/pts\/\d+/.exec(screen()) ?? []
    execFileSync('stty', ['-F', device, 'cols', '50', 'rows', '14'])
    for (let attempt = 0; attempt < 900 && !(picture(screen()).length <= 14); attempt++) {
      forget()
      await until(new RegExp(`\\${ESCAPE}\\[H[\\s\\S]*\\${ESCAPE}\\[J`))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const lines = picture(screen())
    expect(lines.length).toBeLessThanOrEqual(14)
    expect(lines.every((line) => line.length <= 50)).toBe(true)
    type('\u0003')
    expect(await done).toBe(0)
  })

  test('NO_COLOR means none', async () => {
    const { screen, type, until, done } = terminal('stty cols 100 rows 30; exec starling top -d 0.2', { NO_COLOR: '1' })
    await until(/Mesh_10_0_0_49/)
    type('q')
    await done
    expect(screen()).not.toMatch(new RegExp(`\\${ESCAPE}\\[\\d+m`))
  })

  test('a daemon that is not there is said on the screen, with how to start it', async () => {
    const { type, until, done } = terminal('stty cols 200 rows 30; exec starling top -d 0.2 --control /nowhere')
    await until(/start one with "starling node"/)
    type('q')
    await done
  })
})

describe('Tab', () => {
  test.each([
    ['bash', 'bash --norc --noprofile -i', ''],
    ['zsh', 'zsh -f -i', 'autoload -U compinit; compinit -D; '],
  ])('in %s', async (shell, command, before) => {
    const { type, until, forget, done } = terminal(command)
    type(`PS1="ready> "; ${before}source <(starling completion ${shell}); echo loaded\n`)
    await until(/[\r\n]loaded/)
    forget()
    type('starling show peers Mesh_10_0_0_2\t\t')
    await until(/Mesh_10_0_0_20.*Mesh_10_0_0_29/s)
    type('\u0015exit\n')
    await done
  })

  test('in fish', async () => {
    const script = 'starling completion fish | source; complete -C "starling show peers Mesh_10_0_0_2"'
    const { out, err } = await finished(spawn('fish', ['--no-config', '-c', script], { env: environment() }))
    expect(err).toBe('')
    expect(out.split('\n')).toEqual(expect.arrayContaining(['Mesh_10_0_0_20', 'Mesh_10_0_0_29']))
    expect(out).not.toContain('Mesh_10_0_0_30')
  })
})
