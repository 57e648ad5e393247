/**
 * What the system tests share: the built command as a child process, and a lab in this process whose daemons are that
 * command. Everything runs from the built tree: what is tested is what ships.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lab, type LabOptions, type LabView, missing, parseTopology } from '@starling/lab'

/**
 * Labs of this file alone: `down --all` and the names of labs reach no further, whatever else runs on the machine. Daemons
 * that give up root must get through.
 */
export const LAB_STATE = mkdtempSync(join(tmpdir(), 'starling-lab-'))
chmodSync(LAB_STATE, 0o711)
process.env['STARLING_LAB_STATE'] = LAB_STATE
process.once('exit', () => rmSync(LAB_STATE, { recursive: true, force: true }))

export const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/starling.js', import.meta.url))
const TOPOLOGIES = fileURLToPath(new URL('../../topology/', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** `starling ...` to its end. */
export function starling(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return finished(spawn(process.execPath, [PROGRAM, ...args], { env: { ...process.env, ...env } }))
}

export function finished(child: ChildProcess): Promise<Finished> {
  const text = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => {
    text.out += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text.err += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...text }))
  })
}

/** A shipped topology's text with replacements, so that a test shows only what it changes. */
export function topology(name: string, ...changes: readonly [string, string][]) {
  let text = readFileSync(`${TOPOLOGIES}${name}.yaml`, 'utf8')
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${name}.yaml does not contain "${from}"`)
    text = text.replaceAll(from, to)
  }
  return parseTopology(`${name}.yaml`, text)
}

export function startLab(
  topology: LabOptions['topology'],
  datastore: LabOptions['datastore'] = 'embedded',
  more: Partial<LabOptions> = {},
): Promise<Lab> {
  return Lab.start({ topology, mode: 'netns', datastore, program: PROGRAM, progress: () => {}, ...more })
}

/** Looks until `done` says so; fails with what was missing last. */
export async function until(
  lab: Lab,
  done: (view: LabView, absent: readonly string[]) => boolean,
  seconds = 60,
): Promise<LabView> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const view = await lab.look()
    const absent = missing(lab.plan, view)
    if (done(view, absent)) return view
    if (Date.now() > end)
      throw new Error(`not so after ${seconds} s; missing:\n${absent.join('\n')}\n${lastWords(lab)}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

export const converged = (lab: Lab, seconds = 60): Promise<LabView> =>
  until(lab, (_view, absent) => absent.length === 0, seconds)

function lastWords(lab: Lab): string {
  return lab.processes
    .names()
    .flatMap((name) => [`-- ${name}`, ...lab.processes.tail(name, 8)])
    .join('\n')
}

/** Counts answers to a steady ping while something happens. */
export async function pingDuring<T>(
  lab: Lab,
  from: string,
  address: string,
  action: () => Promise<T>,
): Promise<{ result: T; sent: number; lost: number }> {
  let running = true
  let sent = 0
  let lost = 0
  const pinging = (async () => {
    while (running) {
      const answer = lab.ping(from, address, 500)
      sent++
      await new Promise((resolve) => setTimeout(resolve, 20))
      if ((await answer) === undefined) lost++
    }
  })()
  const result = await action().finally(() => {
    running = false
    return pinging
  })
  return { result, sent, lost }
}

/** Output of a command inside a device. */
export async function inside(lab: Lab, device: string, command: string, ...args: string[]): Promise<string> {
  const ns = lab.network?.namespace(device)
  if (ns === undefined) throw new Error('no namespaces')
  const { out, err, code } = await finished(ns.run(() => spawn(command, args)))
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code} ${err}`)
  return out
}

/** Processes whose command line mentions the text, this one's own aside. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return []
      }
    })
    .filter((command) => command.includes(text))
}

export const stateFolderExists = (id: string): boolean => existsSync(join(LAB_STATE, id))
