/**
 * `starling lab up`: the demo as a process of its own in the background, and this one waits until it has converged, telling
 * how far it is. The two know each other by the log file that this one opens and the other keeps in its state: several may be
 * on their way at once. Ctrl-C takes back what was begun.
 */
import { spawn } from 'node:child_process'
import { openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type LabIo, styleOf } from './io.js'
import { askControl } from './run/control.js'
import { isAlive, type LabState, LOG_VARIABLE, listStates, logName, socketOf, stateRoot } from './run/state.js'

const LAST_WORDS = 10
const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
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
  let takenBack = false
  const takeBack = () => {
    takenBack = true
    child.kill('SIGTERM')
  }
  for (const signal of STOPS) process.on(signal, takeBack)
  try {
    const end = Date.now() + timeoutSeconds * 1000
    const progress = new Progress(log)
    let lines: string[] = []
    let state: LabState | undefined
    while (ended === undefined && Date.now() < end) {
      for (const line of progress.read()) io.write(`${line}\n`)
      state = listStates().find((each) => each.log === log)
      lines = []
      const exit = state === undefined ? undefined : await statusOf(state, io, lines)
      if (exit === 0 && state !== undefined && !takenBack) {
        io.write(lines.join(''))
        io.write(`${state.id} is up; remove it with: starling lab down${choice(state)}\n`)
        return 0
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    const last = textOf(log).trimEnd().split('\n').slice(-LAST_WORDS)
    const words = last.map((line) => `  ${line}\n`).join('')
    if (ended === undefined) {
      const which = state === undefined ? '' : choice(state)
      io.error(`${lines.join('')}not converged after ${timeoutSeconds} s; the last lines of ${log}:\n${words}`)
      io.error(
        `It still runs: look again with "starling lab status${which}", remove it with "starling lab down${which}".\n`,
      )
    } else {
      io.error(takenBack ? 'taken down again\n' : `it ended (exit code ${ended}):\n${words}`)
      rmSync(log, { force: true })
    }
    return 1
  } finally {
    for (const signal of STOPS) process.off(signal, takeBack)
  }
}

/** What the lab in the background says on its way, line by line; its words to whom it believes to watch are not for here. */
class Progress {
  readonly #log: string
  #told = 0

  constructor(log: string) {
    this.#log = log
  }

  read(): string[] {
    const lines = textOf(this.#log).split('\n')
    const complete = lines.slice(this.#told, -1)
    this.#told += complete.length
    return complete.filter((line) => /^( {2}|\d+ s, )/.test(line))
  }
}

/** Nothing once the lab has ended in good order: its log goes with it. */
function textOf(log: string): string {
  try {
    return readFileSync(log, 'utf8')
  } catch {
    return ''
  }
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
