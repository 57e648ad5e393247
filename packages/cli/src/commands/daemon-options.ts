/**
 * Options that `starling node` and `starling reflector` share, and the parsers of their values. Every refusal says what
 * would have been right.
 */
import { access, constants, mkdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { LOG_LEVELS, type LogLevel, socketAnswers } from '@starling/api'
import { Prefix } from '@starling/inet'
import { DEFAULT_NODENAME_FILE, nodeName } from '@starling/ipam'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_CONTROL } from '../client/client.js'
import { CliError } from '../exit.js'
import { forgetSecrets, type Io } from '../io.js'
import { addSurfaceOptions, hostPort, type SurfaceCommandOptions, surfaceOf } from './surface-options.js'

export { port, repeated } from '../options.js'

/** Where to accept BGP: an address, not a name. */
export function listenAddress(text: string): { readonly address: string; readonly port: number } {
  const { host: address, port } = hostPort(text.includes(':') || text.includes('.') ? text : `0.0.0.0:${text}`)
  if (Prefix.parseOrHost(address) === undefined || address.includes('/') || port === 0) {
    throw new InvalidArgumentError('Write ADDRESS:PORT, [IPV6]:PORT or PORT.')
  }
  return { address, port }
}

/** u32; undefined for text that is no dotted quad, and for zero, which identifies nobody (RFC 6286). */
export function dottedValue(text: string): number | undefined {
  const bytes = text.includes('/') || text.includes(':') ? undefined : Prefix.parseOrHost(text)?.bytes
  const value = bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
  return value === 0 ? undefined : value
}

export function dottedQuad(text: string): number {
  const value = dottedValue(text)
  if (value === undefined) throw new InvalidArgumentError('Four octets such as 10.0.0.1, not all zero.')
  return value
}

/** `hash` derives one from the node’s name (calico.md 2.2). */
function routerId(text: string): string {
  if (text !== 'hash') dottedQuad(text)
  return text
}

export function range(text: string): string {
  const prefix = Prefix.parseOrHost(text)
  if (prefix === undefined) throw new InvalidArgumentError('A prefix such as 10.0.0.0/8 or fd00::/64.')
  return prefix.toString()
}

export function datastoreSpec(text: string): string {
  const known = text === 'memory' || text === 'etcd' || /^(file:.|etcd:.|embedded:unix:.)/.test(text)
  if (known) return text
  throw new InvalidArgumentError('memory, file:PATH, etcd, etcd:URL[,URL...] or embedded:unix:PATH.')
}

export const addDatastore = (command: Command): Command =>
  command.option(
    '--datastore <spec>',
    'memory, file:PATH, etcd, etcd:URL[,URL...] or embedded:unix:PATH (default: by DATASTORE_TYPE and ETCD_*)',
    datastoreSpec,
  )

export interface DaemonCommandOptions extends SurfaceCommandOptions {
  readonly name?: string
  readonly datastore?: string
  readonly control?: string | false
  readonly routerId?: string
  readonly logLevel?: LogLevel
  readonly processName?: string
}

export function addDaemonOptions(command: Command): Command {
  addDatastore(command)
    .option('--control <path>', `Unix socket of the API (env STARLING_CONTROL; default ${DEFAULT_CONTROL})`)
    .option('--no-control', 'no Unix socket')
  return addSurfaceOptions(command)
    .option('--router-id <id>', 'router ID, or hash (default: CALICO_ROUTER_ID, else by the node address)', routerId)
    .addOption(
      new Option(
        '--log-level <level>',
        'how much to log (default: BGP_LOGSEVERITYSCREEN, else logSeverityScreen of BGPConfiguration, else info)',
      ).choices(LOG_LEVELS),
    )
    .option('--process-name <name>', 'show up as this process: bird, for tools that look for it')
}

/** The parts of the daemons' own option types that come from here. */
export async function commonOptions(options: DaemonCommandOptions, io: Io) {
  const control = await controlSocket(options, io)
  const routerId = options.routerId ?? nonEmpty(io.env['CALICO_ROUTER_ID'])
  return {
    ...(control === undefined ? {} : { control }),
    ...(await surfaceOf(options, io)),
    ...(routerId === undefined ? {} : { routerId }),
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    logPretty: io.terminal,
    environment: io.env,
  }
}

/** A path that was asked for must work; the usual one is taken when it is free and may be written. */
async function controlSocket({ control }: DaemonCommandOptions, io: Io): Promise<string | undefined> {
  if (control === false) return undefined
  const asked = control ?? nonEmpty(io.env['STARLING_CONTROL'])
  if (asked !== undefined) return asked
  try {
    await mkdir(dirname(DEFAULT_CONTROL), { recursive: true })
    await access(dirname(DEFAULT_CONTROL), constants.W_OK)
  } catch {
    return undefined
  }
  if (!(await socketAnswers(DEFAULT_CONTROL))) return DEFAULT_CONTROL
  io.error(
    `${DEFAULT_CONTROL} belongs to another daemon, this one has no control socket (--control PATH gives it one)\n`,
  )
  return undefined
}

/** NODENAME, the nodename file, HOSTNAME, the host name (calico.md 1.3). */
export async function nameOfThisNode(io: Io): Promise<string> {
  const path = io.env['CALICO_NODENAME_FILE'] ?? DEFAULT_NODENAME_FILE
  const nodenameFile = await readFile(path, 'utf8').catch(() => undefined)
  return nodeName(io.env, { hostname: hostname(), ...(nodenameFile === undefined ? {} : { nodenameFile }) })
}

/** Runs a daemon to its end; what it rejects with are words for the person who started it. */
export async function runDaemon(processName: string | undefined, run: () => Promise<number>): Promise<never> {
  forgetSecrets()
  // Also overwrites argv[0], which is where `calicoctl node status` looks (calico.md 6.2).
  if (processName !== undefined) process.title = processName
  const code = await run().catch((error: unknown) => {
    throw new CliError(error instanceof Error ? error.message : String(error))
  })
  process.exit(code)
}

export const nonEmpty = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === '' ? undefined : text.trim()
