/**
 * `starling lab up`: the demo as a process of its own in the background, and this one waits until it has converged. The two
 * know each other by the log file that this one opens and the other keeps in its state: several may be on their way at once.
 */
import { spawn } from 'node:child_process'
import { openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type LabIo, styleOf } from './io.js'
import { askControl } from './run/control.js'
import { isAlive, type LabState, LOG_VARIABLE, listStates, logName, socketOf, stateRoot } from './run/state.js'

const LAST_WORDS = 10
const LOOK_MS = 500

/** `args` are those of the demo, already checked. Resolves to the exit code. */
export async function upInBackground(args: readonly string[], timeoutSeconds: number, io: LabIo): Promise<number> {
  const log = join(stateRoot(), logName())
  const out = openSync(log, 'w', 0o600)
  const child = spawn(process.execPath, [process.argv[1] ?? '', 'lab', 'demo', ...args], {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, [LOG_VARIABLE]: log },
  })
  child.unref()
  let ended: number | undefined
  child.once('exit', (code) => {
    ended = code ?? 1
  })
  const end = Date.now() + timeoutSeconds * 1000
  let lines: string[] = []
  let state: LabState | undefined
  while (ended === undefined && Date.now() < end) {
    state = listStates().find((each) => each.log === log)
    lines = []
    const exit = state === undefined ? undefined : await statusOf(state, io, lines)
    if (exit === 0 && state !== undefined) {
      io.write(lines.join(''))
      io.write(`${state.id} is up; remove it with: starling lab down${choice(state)}\n`)
      return 0
    }
    if (io.terminal) io.write('.')
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LAST_WORDS)
  const words = last.map((line) => `  ${line}\n`).join('')
  if (ended === undefined) {
    const which = state === undefined ? '' : choice(state)
    io.error(`${lines.join('')}not converged after ${timeoutSeconds} s; the last lines of ${log}:\n${words}`)
    io.error(
      `It still runs: look again with "starling lab status${which}", remove it with "starling lab down${which}".\n`,
    )
  } else {
    io.error(`it ended (exit code ${ended}):\n${words}`)
    rmSync(log, { force: true })
  }
  return 1
}

/** Which lab is meant has to be said only where there are several. */
function choice({ id }: LabState): string {
  return listStates().filter(({ lab }) => isAlive(lab)).length > 1 ? ` --lab ${id}` : ''
}

async function statusOf(state: LabState, io: LabIo, lines: string[]): Promise<number | undefined> {
  const output = { out: (text: string) => void lines.push(text), err: (text: string) => void lines.push(text) }
  const args = styleOf(io).color ? ['color'] : []
  return askControl(socketOf(state.id), { command: 'status', args }, output).catch(() => undefined)
}
