/**
 * The demo: starts a lab in this process, shows it coming up, and stays until Ctrl-C, or ends by itself once everything
 * converged (`exitWhenConverged`) with the final tables. `npm start` and `starling lab demo` end here; `starling lab up`
 * runs the same in the background.
 */

import { rmSync } from 'node:fs'
import { foreign } from './daemons/index.js'
import { controlSocket } from './daemons/starling.js'
import { type LabIo, styleOf } from './io.js'
import { serveControl } from './run/control.js'
import { type LabView, missing } from './run/converge.js'
import { type Glass, type GlassDevice, openGlass } from './run/glass.js'
import { Lab, type LabOptions } from './run/lab.js'
import { chooseMode, insideUserNamespace, inUserNamespace, type ModeChoice } from './run/mode.js'
import { handleRequest } from './run/requests.js'
import { isAlive, listStates, removeLab, socketOf } from './run/state.js'
import { Screen, squeeze, wrap } from './show/screen.js'
import { tables } from './show/tables.js'
import { onLoopback } from './topology/loopback.js'
import type { Daemon, Topology } from './topology/types.js'

export interface DemoOptions {
  readonly topology: Topology
  readonly datastore: LabOptions['datastore']
  /** Replaces the daemon of every ToR. */
  readonly tor?: Daemon
  /** End as soon as nothing is missing; fail when something still is after `timeoutSeconds`. */
  readonly exitWhenConverged: boolean
  readonly timeoutSeconds: number
  /** Do not even try namespaces. */
  readonly loopback: boolean
  /** File of the command line, for starting daemons and for a user namespace of our own. */
  readonly program: string
  /** The whole command, for doing it again inside a user namespace. */
  readonly command: readonly string[]
}

const LOOK_MS = 500

/** Resolves to the exit code. */
export async function runDemo(options: DemoOptions, io: LabIo): Promise<number> {
  const choice: ModeChoice = options.loopback
    ? { mode: 'loopback', words: 'loopback addresses and routes in memory, no pods' }
    : chooseMode()
  if (choice.mode === 'userns') return inUserNamespace(options.command)
  sweep(io)
  const topology = prepared(options, choice.mode)
  const stop = new Stop()
  try {
    const lab = await Lab.start({
      topology,
      mode: choice.mode,
      datastore: options.datastore,
      program: options.program,
      progress: (what) => io.write(`  ${what}\n`),
      stop: stop.signal,
    })
    const control = serveControl(socketOf(lab.id), (request, output) => {
      if (request.command !== 'down') return handleRequest(lab, request, output)
      stop.request()
      return Promise.resolve(0)
    })
    const glass = await openGlass(reachablePages(lab))
    try {
      const title = `${topology.name}: ${topology.description}\n${choice.words}, datastore ${lab.store.description}`
      const code = await watch(lab, title, { ...options, pages: glass.pages }, stop, io)
      // An orderly end leaves no words behind either; after a failure somebody wants to read them.
      if (code === 0 && lab.log !== undefined) rmSync(lab.log, { force: true })
      return code
    } finally {
      glass.close()
      control.close()
      io.write('cleaning up\n')
      await lab.stop()
    }
  } catch (error) {
    if (!stop.requested) throw error
    // Lab.start has taken down what it had begun.
    io.error('stopped before everything was started; nothing is left\n')
    return 1
  } finally {
    stop.dispose()
  }
}

function prepared({ topology, tor }: DemoOptions, mode: 'netns' | 'loopback'): Topology {
  const daemon = tor
  const changed =
    daemon === undefined ? topology : { ...topology, tors: topology.tors.map((each) => ({ ...each, daemon })) }
  const devices = [...changed.tors, ...changed.reflectors, ...changed.nodes]
  if (mode === 'netns') {
    const own = insideUserNamespace() ? devices.find(({ daemon }) => foreign(daemon)?.ownUser === true) : undefined
    if (own === undefined) return changed
    throw new Error(
      `${own.daemon} (${own.name}) gives up root for a user of its own, which no user namespace has: run the lab as root`,
    )
  }
  const other = devices.find(({ daemon }) => daemon !== 'starling')
  if (other !== undefined) throw new Error(`${other.daemon} needs namespaces: it uses the ports and the table it finds`)
  return onLoopback(changed)
}

/** Labs whose process died leave children and a folder; nobody else will remove them. */
function sweep(io: LabIo): void {
  for (const state of listStates()) {
    if (isAlive(state.lab)) continue
    removeLab(state)
    io.write(`  removed what a crashed lab had left (${state.id})\n`)
  }
}

/** The daemons with a page; none where the lab's own loopback is not the one of the person's browser. */
function reachablePages(lab: Lab): readonly GlassDevice[] {
  if (insideUserNamespace()) return []
  return lab.plan.devices
    .filter(({ daemon }) => daemon === 'starling')
    .map(({ name }) => ({ name, socket: controlSocket(lab.folder, name) }))
}

type WatchOptions = DemoOptions & { readonly pages: Glass['pages'] }

async function watch(lab: Lab, title: string, options: WatchOptions, stop: Stop, io: LabIo): Promise<number> {
  const screen = new Screen(io)
  const begin = performance.now()
  const seconds = () => (performance.now() - begin) / 1000
  let convergedAfter: number | undefined
  let said = ''
  let advised = false
  for (;;) {
    const view = await lab.look()
    const absent = missing(lab.plan, view)
    if (absent.length === 0) convergedAfter ??= seconds()
    const over = options.exitWhenConverged && (convergedAfter !== undefined || seconds() > options.timeoutSeconds)
    if (io.terminal || over) {
      const now =
        convergedAfter === undefined
          ? progress(absent, seconds())
          : over
            ? [`Converged in ${convergedAfter.toFixed(1)} s.`]
            : advice(lab, view, convergedAfter, absent, options.pages)
      const fitted = (text: string) => (io.terminal ? wrap(text, io.columns) : [text])
      const told = now.flatMap(fitted)
      const style = { ...styleOf(io), ...(io.terminal ? { columns: io.columns } : {}) }
      const lines = [...title.split('\n').flatMap(fitted), '', ...tables(lab.plan, view, style), '']
      // The last picture may scroll: nothing is drawn over it.
      if (io.terminal) screen.draw(squeeze(lines, told, over ? Number.POSITIVE_INFINITY : io.rows))
      else io.write(`${[...lines, ...told].join('\n')}\n`)
    } else {
      said = sayChange(progress(absent, seconds())[0] ?? '', summary(view), said, io)
      // Without a terminal too somebody may want to look: once, where and how.
      if (convergedAfter !== undefined && !advised) {
        advised = true
        io.write(`${advice(lab, view, convergedAfter, absent, options.pages).join('\n')}\n`)
      }
    }
    if (over || stop.requested) {
      screen.leave()
      if (over ? convergedAfter !== undefined : !options.exitWhenConverged) return 0
      io.error(over ? failure(lab, absent, options.timeoutSeconds) : 'stopped before it had converged\n')
      return 1
    }
    await stop.within(LOOK_MS)
  }
}

function progress(absent: readonly string[], seconds: number): string[] {
  return [`${seconds.toFixed(0)} s, ${absent.length} to go: ${absent[0] ?? ''}`]
}

/** What is missing, and the last words of the daemons that ended: their logs go with the lab. */
function failure(lab: Lab, absent: readonly string[], timeoutSeconds: number): string {
  const words = lab.processes.names().flatMap((name) => {
    const ended = lab.processes.status(name)?.ended ?? ''
    return ended === '' ? [] : [`${name} ended (${ended}):`, ...lab.processes.tail(name).map((line) => `  ${line}`)]
  })
  const lines = [`not converged after ${timeoutSeconds} s, missing:`, ...absent.map((line) => `  ${line}`), ...words]
  return `${lines.join('\n')}\n`
}

/** One line on what to try next; what broke since, when something did. */
function advice(lab: Lab, view: LabView, after: number, absent: readonly string[], pages: Glass['pages']): string[] {
  const nodes = view.devices.filter(({ plan }) => plan.role === 'node')
  const at = nodes[0]?.plan.name ?? ''
  const prefix = nodes.at(-1)?.blocks[0] ?? 'PREFIX'
  const reflector = lab.plan.devices.find(({ role }) => role === 'reflector')?.name ?? at
  const looking = pages.find(({ device }) => device === at) ?? pages[0]
  const tries = [`show ${at} peers`, `explain ${at} ${prefix}`, `kill ${reflector}`]
  return [
    absent.length === 0
      ? `Converged in ${after.toFixed(1)} s. Ctrl-C removes everything.`
      : `Converged in ${after.toFixed(1)} s. Now missing: ${absent[0]}`,
    `Try next: ${tries.map((words) => `npx starling lab ${words}`).join('; ')}`,
    ...(looking === undefined
      ? []
      : [`Looking glass of ${looking.device}: ${looking.url} (the other devices: the ports beside it)`]),
  ]
}

function summary(view: LabView): string {
  const sessions = view.devices.flatMap(({ daemon }) => (daemon.answers ? daemon.peers : []))
  const up = sessions.filter(({ state }) => state === 'Established').length
  const answered = view.pings.filter(({ milliseconds }) => milliseconds !== undefined).length
  return `${up} of ${sessions.length} session ends Established, ${answered} of ${view.pings.length} pings answered`
}

/** Without a terminal a line only when something moved. */
function sayChange(line: string, key: string, before: string, io: LabIo): string {
  if (key !== before) io.write(`${line.split(':')[0]}: ${key}\n`)
  return key
}

/** Ctrl-C, SIGTERM, a closed terminal, or `lab down`: all mean the same orderly end. */
class Stop {
  readonly #controller = new AbortController()
  readonly signal = this.#controller.signal
  #wake: (() => void) | undefined
  readonly #listener = () => this.request()
  static readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

  constructor() {
    for (const signal of Stop.#signals) process.on(signal, this.#listener)
  }

  get requested(): boolean {
    return this.signal.aborted
  }

  request(): void {
    this.#controller.abort()
    this.#wake?.()
  }

  /** Waits so long, or until asked to stop. */
  within(milliseconds: number): Promise<void> {
    if (this.requested) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  dispose(): void {
    for (const signal of Stop.#signals) process.off(signal, this.#listener)
  }
}
