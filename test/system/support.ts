/**
 * What the system tests share: the built command as a child process, and a lab in this process whose daemons are that
 * command. Everything runs from the built tree: what is tested is what ships.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lab, type LabOptions, type LabView, missing, parseTopology } from '@starling/lab'
import { finished, PROGRAM } from '../support/command.js'

export { type Finished, finished, PROGRAM, starling } from '../support/command.js'

/**
 * Labs of this file alone: `down --all` and the names of labs reach no further, whatever else runs on the machine. Daemons
 * that give up root must get through.
 */
export const LAB_STATE = mkdtempSync(join(tmpdir(), 'starling-lab-'))
chmodSync(LAB_STATE, 0o711)
process.env['STARLING_LAB_STATE'] = LAB_STATE
process.once('exit', () => rmSync(LAB_STATE, { recursive: true, force: true }))

const TOPOLOGIES = fileURLToPath(new URL('../../topology/', import.meta.url))

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

/** Seconds. Nothing waits this long where things work; a busy machine may need many times what is usual. */
const PATIENCE = 180

/** For commands that wait for a whole lab by themselves. */
export const PATIENTLY = ['--timeout', String(PATIENCE)] as const

/** Looks until `done` says so; fails with what was missing last. */
export async function until(
  lab: Lab,
  done: (view: LabView, absent: readonly string[]) => boolean,
  seconds = PATIENCE,
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

export const converged = (lab: Lab, seconds = PATIENCE): Promise<LabView> =>
  until(lab, (_view, absent) => absent.length === 0, seconds)

function lastWords(lab: Lab): string {
  return lab.processes
    .names()
    .flatMap((name) => [`-- ${name}`, ...lab.processes.tail(name, 8)])
    .join('\n')
}

/** An answer that is late is not lost: the machine may have other things to do. */
const LOST_MS = 10_000

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
      const answer = lab.ping(from, address, LOST_MS)
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

/** Seconds each session of a device has stood, by peer address. */
export function ages(view: LabView, name: string): ReadonlyMap<string, number> {
  const daemon = view.devices.find(({ plan }) => plan.name === name)?.daemon
  return new Map(daemon?.answers === true ? daemon.peers.map((peer) => [peer.address, peer.ageSeconds ?? 0]) : [])
}

/** What a kernel module puts into every namespace when somebody, beside this test, has it loaded. */
const FALLBACKS = /^(tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6tnl0|ip6gre0|ip6_vti0)$/

/** Names of the interfaces of the namespace that this process is in. */
export const hostLinks = (): string[] =>
  [...readFileSync('/proc/net/dev', 'utf8').matchAll(/^\s*(\S+):/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !FALLBACKS.test(name))
    .sort()

export const stateFolderExists = (id: string): boolean => existsSync(join(LAB_STATE, id))
