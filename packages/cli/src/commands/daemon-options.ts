/**
 * Options that `node` and `reflector` share, with their checks: every refusal names the option and what would be right.
 */
import { LOG_LEVELS, type LogLevel } from '@starling/api'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Io } from '../io.js'

export interface DaemonCommandOptions {
  readonly datastore?: string
  readonly control?: string
  readonly http?: HostPort
  readonly birdCtlDir?: string
  readonly routerId?: string
  readonly listenPort?: number
  readonly logLevel: LogLevel
  readonly metricsCompat?: 'bird_exporter'
  readonly processName?: string
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

export const DATASTORES = 'memory, file:PATH, embedded:unix:PATH, etcd, or etcd:URL[,URL...]'

export function addDaemonOptions(command: Command): Command {
  return command
    .option('--datastore <spec>', `where the cluster's state is: ${DATASTORES} (default: by ETCD_ENDPOINTS)`, datastore)
    .option('--control <path>', 'Unix socket of the API; show, explain and peer ask there')
    .option('--http <host:port>', 'API, metrics and health over TCP as well; changes need STARLING_TOKEN', hostPort)
    .option('--bird-ctl-dir <dir>', 'serve bird.ctl and bird6.ctl there, for birdc and calicoctl')
    .option('--router-id <id>', 'router id, or "hash" to make one of the name (env CALICO_ROUTER_ID)')
    .option('--listen-port <port>', 'instead of the port the datastore gives', port)
    .addOption(new Option('--log-level <level>', 'what is logged').choices(LOG_LEVELS).default('info'))
    .addOption(new Option('--metrics-compat <names>', 'more metric names').choices(['bird_exporter']))
    .option('--process-name <name>', 'what ps shows, for tools that look for "bird"')
}

export function datastore(text: string): string {
  if (/^(memory|etcd|file:.+|etcd:.+|embedded:unix:.+)$/.test(text)) return text
  throw new InvalidArgumentError(`One of ${DATASTORES}.`)
}

export function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('A port from 1 to 65535.')
  return value
}

/** `127.0.0.1:9179`, `[::1]:9179`. */
export function hostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined) throw new InvalidArgumentError('HOST:PORT, e.g. 127.0.0.1:9179.')
  return { host, port: port(match[3] ?? '') }
}

/** What both products take over as it is. */
export function sharedOptions(options: DaemonCommandOptions, io: Io) {
  const token = io.env['STARLING_TOKEN']
  const routerId = options.routerId ?? io.env['CALICO_ROUTER_ID']
  if (options.processName !== undefined) process.title = options.processName
  return {
    ...(options.control === undefined ? {} : { control: options.control }),
    ...(options.http === undefined
      ? {}
      : { http: { ...options.http, ...(token === undefined || token === '' ? {} : { token }) } }),
    ...(options.birdCtlDir === undefined ? {} : { birdControl: options.birdCtlDir }),
    ...(routerId === undefined || routerId === '' ? {} : { routerId }),
    ...(options.metricsCompat === undefined ? {} : { metricsCompat: options.metricsCompat }),
    logLevel: options.logLevel,
    logPretty: process.stderr.isTTY === true,
    environment: io.env,
  }
}
