/**
 * `starling lab ...` as a function of its arguments: parses them and calls the one that does it. Resolves to the exit
 * code and never ends the process, so that the command line, the tests and `npm start` share it.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type DemoOptions, runDemo } from './demo.js'
import { type Netns, openNetns } from './fabric/netns.js'
import { type LabIo, styleOf } from './io.js'
import { askControl } from './run/control.js'
import { isRequest } from './run/requests.js'
import { isAlive, type LabState, listStates, removeLab, socketOf, sweepLogs } from './run/state.js'
import { loadTopology } from './topology/parse.js'
import { DAEMONS, type Topology } from './topology/types.js'
import { TopologyError } from './topology/yaml.js'
import { upInBackground } from './up.js'

const HELP = `usage: starling lab COMMAND

  demo [FILE]            bring a topology up, show it live, remove it at Ctrl-C (default: topology/demo.yaml)
    --exit-when-converged  without a terminal: final tables, exit 0 only when nothing is missing
    --datastore KIND       embedded, etcd (started here), or etcd:URL[,URL...]; default: as the file says
    --tor DAEMON           bird, frr, gobgp or openbgpd instead of Starling on the ToRs
    --timeout SECONDS      how long it may take to converge (default 110, more for more than 12 devices)
    --loopback             no namespaces: loopback addresses, routes in memory
  up FILE [options]      the same in the background, once it has converged
  down [--all]           remove the running lab; --all: every lab, also what crashed ones left
  status [-o json]       the tables of the running lab; exit 2 while something is missing
  list                   running labs
  show NAME WHAT...      starling show WHAT on a device: show r1n1 peers
  explain NAME PREFIX    starling explain on a device
  exec NAME -- CMD...    a command inside a device or pod, on your terminal if there is one
  capture NAME [RACK] [-w FILE]  its frames as pcap, until Ctrl-C
    --port PORT, -c COUNT, --seconds SECONDS
  ping FROM TO [-c N] [-6]  from a pod or device to a pod, device or address
  kill NAME [SIGNAL]     end a daemon (SIGKILL), or the datastore: kill store
  restart NAME           start it again
  replace NAME DAEMON [SIGNAL]  another daemon in its place: starling, bird, frr, gobgp, openbgpd
  cut NAME [RACK]        take a device's links away
  heal NAME [RACK]       give them back
  --lab ID               which lab, when several run
`

const USAGE = 2

/** `args` are the words after `lab`: `['demo', '--exit-when-converged']`. */
export async function labCommand(args: readonly string[], io: LabIo): Promise<number> {
  const [command = 'help', ...rest] = args
  try {
    // `npm start -- --help` asks us; after these three the word is for another program.
    const ours = command !== 'exec' && command !== 'show' && command !== 'explain'
    if (ours && rest.some((word) => word === '--help' || word === '-h')) {
      io.write(HELP)
      return 0
    }
    switch (command) {
      case 'demo':
        return await demo(rest, io)
      case 'up':
        return await up(rest, io)
      case 'down':
        return await down(rest, io)
      case 'list':
        for (const { id, mode, lab } of listStates())
          io.write(`${id}  ${mode}  pid ${lab.pid}${isAlive(lab) ? '' : '  (crashed)'}\n`)
        return 0
      case 'exec':
        return await exec(rest, io)
      case 'show':
      case 'explain':
        return await onDevice(command, rest, io)
      case 'help':
      case '--help':
      case '-h':
        io.write(HELP)
        return 0
      default:
        if (!isRequest(command)) throw new UsageError(`no command "lab ${command}"; starling lab help names them`)
        return await ask(command, rest, io)
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    io.error(`${error.message}\n`)
    return error instanceof TopologyError || error instanceof UsageError || isParseError(error) ? USAGE : 1
  }
}

class UsageError extends Error {}

const isParseError = (error: Error): boolean => 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

const DEMO_OPTIONS = {
  'exit-when-converged': { type: 'boolean', default: false },
  datastore: { type: 'string' },
  tor: { type: 'string' },
  timeout: { type: 'string' },
  loopback: { type: 'boolean', default: false },
} as const

async function demo(args: readonly string[], io: LabIo): Promise<number> {
  const program = process.argv[1] ?? ''
  const options = demoOptions(args)
  return runDemo({ ...options, program, command: [process.execPath, program, 'lab', 'demo', ...args] }, io)
}

/** Seconds to converge in: two busy processors start about one daemon in two seconds, and the last ones talk to many. */
export function patienceFor({ tors, reflectors, nodes }: Topology): number {
  return Math.max(110, 50 + 5 * (tors.length + reflectors.length + nodes.length))
}

/** What the words ask for, every one checked. */
function demoOptions(args: readonly string[]): Omit<DemoOptions, 'program' | 'command'> {
  const { values, positionals } = parseArgs({ args: [...args], options: DEMO_OPTIONS, allowPositionals: true })
  const { tor } = values
  const daemon = tor === undefined ? undefined : DAEMONS.find((each) => each === tor)
  if (tor !== undefined && daemon === undefined) throw new UsageError(`--tor is one of ${DAEMONS.join(', ')}`)
  const given = Number(values.timeout ?? 1)
  if (!(given > 0)) throw new UsageError(`--timeout is a number of seconds, not "${values.timeout}"`)
  const [file, ...more] = positionals
  if (more.length > 0) throw new UsageError(`one topology at a time: what is "${more[0]}"?`)
  const topology = loadTopology(topologyFile(file))
  const timeoutSeconds = values.timeout === undefined ? patienceFor(topology) : given
  return {
    topology,
    datastore: values.datastore === undefined ? topology.datastore : datastoreOf(values.datastore),
    ...(daemon === undefined ? {} : { tor: daemon }),
    exitWhenConverged: values['exit-when-converged'],
    timeoutSeconds,
    loopback: values.loopback,
  }
}

/** Mistakes in words and file are answered here, before anything runs in the background. */
function up(args: readonly string[], io: LabIo): Promise<number> {
  const { timeoutSeconds, exitWhenConverged } = demoOptions(args)
  if (exitWhenConverged)
    throw new UsageError('--exit-when-converged is for the demo: what is up stays until "lab down"')
  return upInBackground(args, timeoutSeconds, io)
}

function datastoreOf(text: string): 'embedded' | 'etcd' | string[] {
  if (text === 'embedded' || text === 'etcd') return text
  if (!text.startsWith('etcd:'))
    throw new UsageError(`--datastore is embedded, etcd or etcd:URL[,URL...], not "${text}"`)
  const urls = text.slice('etcd:'.length).split(',')
  for (const url of urls) if (!URL.canParse(url)) throw new UsageError(`not a URL: ${url}`)
  return urls
}

/** A path, or the name of a file in the topology folder of this installation. */
function topologyFile(given = 'demo'): string {
  if (existsSync(given)) return given
  const shipped = fileURLToPath(new URL('../../../topology/', import.meta.url))
  const named = join(shipped, given.endsWith('.yaml') ? given : `${given}.yaml`)
  if (!existsSync(named)) throw new UsageError(`no topology ${given}, neither here nor in ${shipped}`)
  return named
}

async function down(args: readonly string[], io: LabIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { all: { type: 'boolean' }, lab: { type: 'string' } } })
  const states = values.all === true ? listStates() : [choose(values.lab)]
  for (const state of states) {
    await end(state)
    io.write(`${state.id} is gone\n`)
  }
  if (values.all === true) sweepLogs()
  return 0
}

const DOWN_MS = 15_000

/** Asks politely, then removes what is left. One that is only just starting hears signals and nothing else. */
async function end(state: LabState): Promise<void> {
  const quiet = { out: () => {}, err: () => {} }
  await askControl(socketOf(state.id), { command: 'down', args: [] }, quiet).catch(() => {
    if (isAlive(state.lab)) process.kill(state.lab.pid, 'SIGTERM')
  })
  const patience = Date.now() + (isAlive(state.lab) ? DOWN_MS : 0)
  while (isAlive(state.lab) && Date.now() < patience) await new Promise((resolve) => setTimeout(resolve, 100))
  removeLab(listStates().find(({ id }) => id === state.id) ?? state)
}

/** The running lab, or the one named with --lab. */
function choose(id?: string): LabState {
  const states = listStates()
  const running = states.filter(({ lab }) => isAlive(lab))
  const found = id === undefined ? running : running.filter((state) => state.id === id)
  if (found.length === 1) return found[0] as LabState
  if (found.length === 0) {
    const crashed =
      states.length === running.length ? '' : '; what a crashed one left goes with: starling lab down --all'
    throw new Error(`${id === undefined ? 'no lab is running' : `no lab "${id}" is running`}${crashed}`)
  }
  throw new Error(`several labs are running (${found.map((state) => state.id).join(', ')}): choose with --lab ID`)
}

/** `show r1n1 peers -o json`: the ordinary command with its own options, run where the device's socket is known. */
function onDevice(command: string, args: readonly string[], io: LabIo): Promise<number> {
  const at = args.indexOf('--lab')
  const own = at < 0 ? [] : args.slice(at, at + 2)
  const [name = '', ...what] = at < 0 ? args : [...args.slice(0, at), ...args.slice(at + 2)]
  if (name === '' || name.startsWith('-')) throw new UsageError(`usage: starling lab ${command} NAME WHAT...`)
  return ask('exec', [...own, name, '--', process.execPath, process.argv[1] ?? '', command, ...what], io)
}

/** A person's shell gets the person's terminal: entered from here, where the lab allows it. */
async function exec(args: readonly string[], io: LabIo): Promise<number> {
  const at = args.indexOf('--')
  if (!io.terminal || !process.stdin.isTTY || at < 0) return ask('exec', args, io)
  const { values, positionals } = parseArgs({
    args: args.slice(0, at),
    options: { lab: { type: 'string' } },
    allowPositionals: true,
  })
  const [command, ...words] = args.slice(at + 1)
  const [name] = positionals
  if (name === undefined || command === undefined) throw new UsageError('usage: starling lab exec NAME -- COMMAND')
  let told = ''
  const hear = (text: string) => {
    told += text
  }
  const output = { out: hear, err: (text: string) => io.error(text) }
  const code = await askControl(socketOf(choose(values.lab).id), { command: 'door', args: [name] }, output)
  if (code !== 0) return code
  const { path, control } = JSON.parse(told) as { path: string; control: string }
  let ns: Netns
  try {
    ns = openNetns(name, path)
  } catch {
    // A lab in a user namespace is not ours to enter: without a terminal then.
    return ask('exec', args, io)
  }
  const env = { ...process.env, STARLING_CONTROL: control }
  const child = ns.run(() => spawn(command, words, { stdio: 'inherit', env }))
  ns.close()
  return new Promise((resolve) => {
    child.once('error', (error) => {
      io.error(`${error.message}\n`)
      resolve(127)
    })
    child.once('close', (code) => resolve(code ?? 1))
  })
}

/** A number of something from 1, still as a word: it travels to the lab. */
function whole(option: string, word: string | undefined, most: number): string | undefined {
  if (word === undefined || (/^[1-9]\d*$/.test(word) && Number(word) <= most)) return word
  throw new UsageError(`${option} is a whole number from 1 to ${most}, not "${word}"`)
}

/** Everything the running lab answers itself. */
async function ask(command: string, args: readonly string[], io: LabIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      lab: { type: 'string' },
      output: { type: 'string', short: 'o' },
      count: { type: 'string', short: 'c' },
      write: { type: 'string', short: 'w' },
      port: { type: 'string' },
      seconds: { type: 'string' },
      ipv6: { type: 'boolean', short: '6' },
    },
    allowPositionals: true,
  })
  const count = whole('-c', values.count, 1_000_000)
  const port = whole('--port', values.port, 65_535)
  const seconds = whole('--seconds', values.seconds, 1_000_000)
  const words: Readonly<Record<string, () => readonly string[]>> = {
    status: () =>
      [values.output === 'json' ? 'json' : '', styleOf(io).color ? 'color' : ''].filter((word) => word !== ''),
    ping: () => {
      const [from = '', to = ''] = positionals
      if (from === '' || to === '') throw new UsageError('usage: starling lab ping FROM TO [-c N] [-6]')
      return [from, to, count ?? '3', values.ipv6 === true ? '6' : '']
    },
    capture: () => {
      const [name = '', segment = ''] = positionals
      if (name === '') throw new UsageError('usage: starling lab capture NAME [RACK] [-w FILE]')
      const file = resolve(values.write ?? `${name}.pcap`)
      return [name, segment, file, port ?? '', count ?? '', seconds ?? '']
    },
  }
  const output = { out: (text: string) => io.write(text), err: (text: string) => io.error(text) }
  const asked = words[command]?.() ?? positionals
  return askControl(socketOf(choose(values.lab).id), { command, args: asked }, output)
}
