/**
 * What a running lab leaves on disk so that another command can find it, or clean up after it: one folder per lab with
 * its sockets, logs and `lab.json`. A process is recognised by its number and its start time, so that a number used anew
 * by a stranger is never killed.
 */
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

export interface ProcessId {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly start: string
}

export interface LabState {
  readonly id: string
  readonly topology: string
  readonly mode: string
  /** Where its words go when it runs in the background (`lab up`). */
  readonly log?: string
  readonly lab: ProcessId
  readonly children: readonly (ProcessId & { readonly name: string })[]
}

const STATE = 'lab.json'

/** To go through, not to look around: daemons that give up root have a folder of their own further down. */
const PASSABLE = 0o711

/** Set for the copy of us inside a user namespace, which believes to be root and would look elsewhere. */
export const STATE_VARIABLE = 'STARLING_LAB_STATE'

/** Set by `lab up` for the lab that it starts: the file with its words, and what it is known by until it has a name. */
export const LOG_VARIABLE = 'STARLING_LAB_LOG'
const LOG_NAME = /^up-(\d+)\.log$/

/** The log of a lab that this process starts. */
export const logName = (): string => `up-${process.pid}.log`

/** /run/starling-lab for root, $XDG_RUNTIME_DIR/starling-lab for others, the temporary folder where neither exists. */
export function stateRoot(): string {
  const given = process.env[STATE_VARIABLE]
  if (given !== undefined) return given
  const candidates = [
    '/run/starling-lab',
    ...(process.env['XDG_RUNTIME_DIR'] === undefined ? [] : [join(process.env['XDG_RUNTIME_DIR'], 'starling-lab')]),
    join(tmpdir(), `starling-lab-${userInfo().username}`),
  ]
  for (const folder of candidates) {
    try {
      mkdirSync(folder, { recursive: true, mode: PASSABLE })
      accessSync(folder, constants.W_OK)
      const { uid } = lstatSync(folder)
      // In a shared temporary folder somebody else may have been there first.
      if (uid !== process.getuid?.()) continue
      chmodSync(folder, PASSABLE)
      return folder
    } catch {
      // the next one
    }
  }
  throw new Error(`no folder for the lab's state: tried ${candidates.join(', ')}`)
}

export const folderOf = (id: string): string => join(stateRoot(), id)
export const socketOf = (id: string): string => join(folderOf(id), 'lab.sock')

/**
 * Reserves a folder: the topology's name, or with a number behind it while another lab of that name is alive. It appears
 * whole, with its state in it, by a rename: of several labs that start at once one gets the name, and none sees half a folder.
 */
export function createFolder(about: Omit<LabState, 'id'>): { id: string; folder: string } {
  for (let number = 1; ; number++) {
    const id = number === 1 ? about.topology : `${about.topology}-${number}`
    const state = readState(id)
    if (state !== undefined && isAlive(state.lab)) continue
    if (state !== undefined) removeLab(state)
    if (takeName(id, about)) return { id, folder: folderOf(id) }
    // Another lab of that name was quicker, or a removal was broken off and left files.
    if (readState(id) !== undefined) continue
    discard(id, (found) => found === undefined)
    if (takeName(id, about)) return { id, folder: folderOf(id) }
  }
}

function takeName(id: string, about: Omit<LabState, 'id'>): boolean {
  const prepared = hidden(id, 'new')
  rmSync(prepared, { recursive: true, force: true })
  mkdirSync(prepared, { mode: PASSABLE })
  writeFileSync(join(prepared, STATE), JSON.stringify({ id, ...about }, undefined, 2), { mode: 0o600 })
  try {
    renameSync(prepared, folderOf(id))
    return true
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true })
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST' && code !== 'ENOTEMPTY') throw error
    return false
  }
}

/** Beside the labs' folders, of this process alone; no topology has such a name. */
const hidden = (id: string, what: string): string => join(stateRoot(), `.${id}-${process.pid}-${what}`)

/**
 * Removes a folder of which `isIt` holds. It is renamed first, which one process alone can do, and looked at once more:
 * by then the name may be that of a lab that just started, and that one gets its folder back.
 */
function discard(id: string, isIt: (state: LabState | undefined) => boolean): void {
  const [folder, away] = [folderOf(id), hidden(id, 'gone')]
  if (!isIt(readState(id))) return
  try {
    renameSync(folder, away)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (isIt(stateIn(away))) rmSync(away, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  else renameSync(away, folder)
}

export function saveState(state: LabState): void {
  const file = join(folderOf(state.id), STATE)
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export const readState = (id: string): LabState | undefined => stateIn(folderOf(id))

function stateIn(folder: string): LabState | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as LabState
  } catch {
    return undefined
  }
}

/** Every lab with a state file, dead ones included. */
export function listStates(): LabState[] {
  return readdirSync(stateRoot())
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((id) => readState(id) ?? [])
}

/** A killed process takes its memory down before it is gone; one in the kernel's hands may take long. */
const GONE_MS = 10_000

/**
 * Kills what is left of a lab, waits until it is gone, and removes its folder: a daemon on its way out would still write
 * there. Namespaces and veths go with the last process and descriptor.
 */
export function removeLab(state: LabState): void {
  const left = [state.lab, ...state.children].filter((child) => child.pid !== process.pid && isAlive(child))
  for (const { pid } of left) kill(pid)
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  const end = performance.now() + GONE_MS
  while (left.some(isAlive) && performance.now() < end) Atomics.wait(nobody, 0, 0, 10)
  discard(state.id, (found) => found === undefined || isSame(found.lab, state.lab))
  if (state.log !== undefined) rmSync(state.log, { force: true })
}

const isSame = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.start === b.start

/** It may end by itself, or by another hand, between the look and the signal. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Logs of labs that never came to be, once nobody waits for them. */
export function sweepLogs(): void {
  const used = new Set(listStates().map(({ log }) => log))
  for (const name of readdirSync(stateRoot())) {
    const [, pid] = LOG_NAME.exec(name) ?? []
    const path = join(stateRoot(), name)
    if (pid !== undefined && !used.has(path) && startOf(Number(pid)) === undefined) rmSync(path, { force: true })
  }
}

export function isAlive({ pid, start }: ProcessId): boolean {
  return startOf(pid) === start
}

/** Undefined when there is no such process, or only its zombie. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; fields are counted behind it: state is the 3rd, start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export function ownProcess(): ProcessId {
  return { pid: process.pid, start: startOf(process.pid) ?? '' }
}
