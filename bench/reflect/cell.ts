/**
 * One cell of the comparison: inside a network namespace of its own, one daemon on one core, the load on the other. Prints
 * a JSON line for each phase and vanishes with everything it started.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Load, type Phase } from './load.js'
import { type Contender, installed } from './peers.js'
import { REFLECTOR, type Scenario } from './scenarios.js'

export interface CellResult extends Phase {
  readonly daemonCpu: number
  /** Resident memory of the daemon and its children, MB. */
  readonly memory: number
  readonly updates: number
  readonly faults: Load['faults'] & { losses: number }
}

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

function statOf(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}

/** A process and all below it. */
function family(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined
    if (stat !== undefined) parents.set(pid, stat.parent)
  }
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found
}

function usage(root: number): { cpu: number; memory: number } {
  let ticks = 0
  let kilobytes = 0
  for (const pid of family(root)) {
    ticks += statOf(pid)?.ticks ?? 0
    try {
      kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      // It ended between the two looks.
    }
  }
  return { cpu: ticks / 100, memory: kilobytes / 1024 }
}

async function listening(child: ChildProcess): Promise<void> {
  const end = performance.now() + 15_000
  while (!/ 0A /.test(readFileSync('/proc/net/tcp', 'utf8').replace(/^.*:(?!00B3).{4} \S+ 0A .*$/gm, ''))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error('the daemon does not listen')
    await sleep(20)
  }
}

async function end(child: ChildProcess): Promise<void> {
  const pids = child.pid === undefined ? [] : family(child.pid)
  child.kill('SIGTERM')
  for (let i = 0; i < 100 && child.exitCode === null && child.signalCode === null; i++) await sleep(50)
  kill(pids)
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}

/** `abandoned`: nobody waits for the figures any more. */
export async function runCell(
  contender: Contender,
  scenario: Scenario,
  pinned: boolean,
  abandoned: AbortSignal,
): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  execFileSync('ip', ['address', 'add', `${REFLECTOR}/16`, 'dev', 'lo'])
  const folder = mkdtempSync(join(tmpdir(), 'starling-bench-'))
  const program = installed(contender.program) ?? contender.program
  const command = [program, ...contender.prepare(folder)]
  const [file = '', ...args] = pinned ? ['taskset', '-c', '0', ...command] : command
  const output = openSync(join(folder, 'output'), 'w')
  const child = spawn(file, args, { stdio: ['ignore', output, output], cwd: folder })
  abandoned.addEventListener('abort', () => {
    if (child.pid !== undefined) kill(family(child.pid))
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  })
  const load = new Load(played(contender, scenario))
  try {
    await listening(child)
    await sleep(500)
    const root = child.pid ?? 0
    let before = usage(root)
    await load.play((phase) => {
      const after = usage(root)
      const faults = { ...load.faults, losses: load.losses }
      const { memory } = after
      const result: CellResult = { ...phase, daemonCpu: after.cpu - before.cpu, memory, updates: load.updates, faults }
      process.stdout.write(`${JSON.stringify(result)}\n`)
      before = after
    })
  } catch (error) {
    const said = readFileSync(join(folder, 'output'), 'utf8').trim().slice(-500)
    process.stdout.write(`${JSON.stringify({ error: `${error instanceof Error ? error.message : error}: ${said}` })}\n`)
  } finally {
    load.stop()
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The floor forwards; it cannot withdraw what a lost client announced. */
function played(contender: Contender, scenario: Scenario): Scenario {
  if (contender.name !== 'floor') return scenario
  return { ...scenario, kill: 0, churn: 0, reconnect: false, storm: false }
}
