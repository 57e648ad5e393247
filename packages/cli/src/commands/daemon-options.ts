/**
 * Options that `starling node` and `starling reflector` share, and the parsers of their values. Every refusal says what
 * would have been right.
 */
import { hostname } from 'node:os'
import { LOG_LEVELS, type LogLevel } from '@starling/api'
import { Prefix } from '@starling/inet'
import { nodeName } from '@starling/ipam'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_CONTROL } from '../client/client.js'
import type { Io } from '../io.js'

export interface Address {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:9180`, `[::1]:9180`, `:9180` (loopback), `9180`. */
export function hostPort(text: string): Address {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) throw new InvalidArgumentError('Write HOST:PORT, [IPV6]:PORT or PORT.')
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '127.0.0.1' : host, port }
}

/** Where to accept BGP: an address, not a name. */
export function listenAddress(text: string): { readonly address: string; readonly port: number } {
  const { host: address, port } = hostPort(text.includes(':') || text.includes('.') ? text : `0.0.0.0:${text}`)
  if (Prefix.parseOrHost(address) === undefined || address.includes('/') || port === 0) {
    throw new InvalidArgumentError('Write ADDRESS:PORT, [IPV6]:PORT or PORT.')
  }
  return { address, port }
}

export function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65535) throw new InvalidArgumentError('A port from 1 to 65535.')
  return value
}

/** Text kept, once it is known to be a dotted quad that identifies anybody. */
export function dottedQuad(text: string): string {
  quadValue(text)
  return text
}

export function quadValue(text: string): number {
  const bytes = text.includes('/') || text.includes(':') ? undefined : Prefix.parseOrHost(text)?.bytes
  const value = bytes === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
  if (value === 0) throw new InvalidArgumentError('Four octets such as 10.0.0.1, not all zero (RFC 6286).')
  return value
}

export function range(text: string): string {
  const prefix = Prefix.parseOrHost(text)
  if (prefix === undefined) throw new InvalidArgumentError('A prefix such as 10.0.0.0/8 or fd00::/64.')
  return prefix.toString()
}

/** Adds `value` to what the option was given before. */
export const repeated =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)]

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

export interface DaemonCommandOptions {
  readonly name?: string
  readonly datastore?: string
  readonly control?: string | false
  readonly http?: Address
  readonly httpToken?: string
  readonly birdCtlDir?: string
  readonly routerId?: string
  readonly logLevel: LogLevel
  readonly metricsCompat?: 'bird_exporter'
  readonly processName?: string
}

export function addDaemonOptions(command: Command): Command {
  return addDatastore(command)
    .option('--name <name>', 'name of this node (default: NODENAME, the nodename file, HOSTNAME, the host name)')
    .option('--control <path>', `Unix socket of the API (env STARLING_CONTROL; default ${DEFAULT_CONTROL})`)
    .option('--no-control', 'no Unix socket')
    .option('--http <host:port>', 'also serve the API over TCP; reads only, unless there is a token', hostPort)
    .option('--http-token <token>', 'who shows it may change things over TCP (env STARLING_HTTP_TOKEN)')
    .option('--bird-ctl-dir <dir>', 'serve bird.ctl and bird6.ctl here (/var/run/calico)')
    .option('--router-id <a.b.c.d>', 'router ID (default: CALICO_ROUTER_ID, else by the node address)')
    .addOption(new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'))
    .addOption(new Option('--metrics-compat <names>', 'also these metric names').choices(['bird_exporter']))
    .option('--process-name <name>', 'show up as this process: bird, for tools that look for it')
}

/** The parts of the daemons' own option types that come from here. */
export function commonOptions(options: DaemonCommandOptions, io: Io, nodenameFile: string | undefined) {
  const control =
    options.control === false ? undefined : (options.control ?? io.env['STARLING_CONTROL'] ?? DEFAULT_CONTROL)
  const token = options.httpToken ?? io.env['STARLING_HTTP_TOKEN']
  const routerId = options.routerId ?? nonEmpty(io.env['CALICO_ROUTER_ID'])
  const surroundings = { hostname: hostname(), ...(nodenameFile === undefined ? {} : { nodenameFile }) }
  return {
    name: options.name ?? nodeName(io.env, surroundings),
    ...(control === undefined ? {} : { control }),
    ...(options.http === undefined ? {} : { http: { ...options.http, ...(token === undefined ? {} : { token }) } }),
    ...(options.birdCtlDir === undefined ? {} : { birdControl: options.birdCtlDir }),
    ...(routerId === undefined ? {} : { routerId }),
    ...(options.metricsCompat === undefined ? {} : { metricsCompat: options.metricsCompat }),
    logLevel: options.logLevel,
    logPretty: io.terminal,
    environment: io.env,
  }
}

export const nonEmpty = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === '' ? undefined : text.trim()

/** Also overwrites argv[0], which is where `calicoctl node status` looks (calico.md 6.2). */
export function showAs(processName: string | undefined): void {
  if (processName !== undefined) process.title = processName
}
