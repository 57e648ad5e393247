/**
 * The lab's child processes: started inside a namespace, output to a log file each, exits remembered. They get process
 * groups of their own, so that Ctrl-C reaches the lab alone and the order of the end is the lab's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Netns } from '../fabric/netns.js'
import { type ProcessId, startOf } from './state.js'

export interface ProcessSpec {
  readonly name: string
  /** Absent: the lab's own namespace. */
  readonly ns?: Netns | undefined
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface ProcessStatus {
  readonly running: boolean
  readonly pid?: number
  /** `exit code 1`, `SIGKILL`; empty while it runs. */
  readonly ended: string
  readonly log: string
}

interface Running {
  readonly spec: ProcessSpec
  readonly child: ChildProcess
  readonly id: ProcessId
  readonly exited: Promise<void>
  ended: string
}

/** Node's own words are `spawn bird ENOENT`. */
function notStarted(command: string, error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' ? `${command} is not installed` : error.message
}

const PATIENCE_MS = 3000

export class Processes {
  readonly #folder: string
  readonly #running = new Map<string, Running>()
  readonly #changed: () => void

  /** `changed` is called after every start and exit, for the state file. */
  constructor(folder: string, changed: () => void) {
    this.#folder = folder
    this.#changed = changed
  }

  start(spec: ProcessSpec): void {
    if (this.status(spec.name)?.running === true) throw new Error(`${spec.name} is running`)
    const log = openSync(this.#log(spec.name), 'a', 0o600)
    try {
      const options = {
        stdio: ['ignore', log, log] as ['ignore', number, number],
        detached: true,
        env: { ...process.env, ...spec.env },
      }
      const fork = () => spawn(spec.command, spec.args, options)
      const child = spec.ns === undefined ? fork() : spec.ns.run(fork)
      const exited = new Promise<void>((resolve) => {
        child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
        child.once('error', (error) => ended(notStarted(spec.command, error)))
        const ended = (how: string) => {
          running.ended = how
          resolve()
          this.#changed()
        }
      })
      const pid = child.pid ?? 0
      const running: Running = { spec, child, id: { pid, start: startOf(pid) ?? '' }, exited, ended: '' }
      this.#running.set(spec.name, running)
    } finally {
      closeSync(log)
    }
    this.#changed()
  }

  restart(name: string): void {
    const running = this.#running.get(name)
    if (running === undefined) throw new Error(`no process is named "${name}"`)
    this.start(running.spec)
  }

  /** Sends a signal and waits for the end; a process that outlives its patience is killed. */
  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    const running = this.#running.get(name)
    if (running === undefined) throw new Error(`no process is named "${name}"`)
    if (running.ended !== '') return
    running.child.kill(signal)
    const timer = setTimeout(() => running.child.kill('SIGKILL'), PATIENCE_MS)
    await running.exited
    clearTimeout(timer)
  }

  /** An ended process whose place another takes. */
  forget(name: string): void {
    if (this.status(name)?.running === true) throw new Error(`${name} is running`)
    this.#running.delete(name)
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name, 'SIGTERM')))
  }

  status(name: string): ProcessStatus | undefined {
    const running = this.#running.get(name)
    if (running === undefined) return undefined
    const { ended, id } = running
    return { running: ended === '', pid: id.pid, ended, log: this.#log(name) }
  }

  names(): string[] {
    return [...this.#running.keys()]
  }

  alive(): (ProcessId & { name: string })[] {
    return [...this.#running.values()]
      .filter(({ ended }) => ended === '')
      .map(({ spec, id }) => ({ name: spec.name, ...id }))
  }

  /** The last lines of a process's output. */
  tail(name: string, lines = 5): string[] {
    try {
      return readFileSync(this.#log(name), 'utf8').trimEnd().split('\n').slice(-lines)
    } catch {
      return []
    }
  }

  #log(name: string): string {
    return join(this.#folder, `${name}.log`)
  }
}
