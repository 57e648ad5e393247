/**
 * Options that several commands share, added in one place so that they read the same everywhere.
 */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ApiClient, DEFAULT_CONTROL, type Target } from './client/client.js'
import { usage } from './exit.js'
import type { Io } from './io.js'
import { FORMATS, type OutputOptions } from './output/print.js'

export interface TargetOptions {
  readonly control?: string
  readonly url?: string
  readonly token?: string
  readonly cacert?: string
}

export function addTarget(command: Command): Command {
  return command
    .option('--control <path>', `Unix socket of the daemon (env STARLING_CONTROL; default ${DEFAULT_CONTROL})`)
    .option('--url <url>', 'ask a remote daemon instead (env STARLING_URL)', httpUrl)
    .option('--token <token>', 'bearer token for changes over TCP (env STARLING_TOKEN)')
    .option('--cacert <file>', 'with an https URL: trust what this authority signed (PEM; env STARLING_CACERT)')
}

export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new InvalidArgumentError('Write http://HOST:PORT or https://HOST:PORT.')
  }
  return text
}

export function addOutput(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'))
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']).default('auto'))
    .option('--no-headers', 'leave the headings out')
}

export function addWatch(command: Command): Command {
  return command.option('-w, --watch [seconds]', 'show again and again', seconds)
}

export function seconds(text: string): number {
  const value = Number(text)
  if (!(value >= 0.2 && value <= 86_400)) throw new InvalidArgumentError('A number of seconds from 0.2 to 86400.')
  return value
}

export function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65535) throw new InvalidArgumentError('A port from 1 to 65535.')
  return value
}

/** Adds `value` to what the option was given before. */
export const repeated =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)]

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('A whole number above 0.')
  return value
}

export function clientFor(options: TargetOptions, io: Io, timeout?: number): ApiClient {
  const url = options.url ?? io.env['STARLING_URL']
  const token = options.token ?? io.env['STARLING_TOKEN']
  const ca = options.cacert ?? io.env['STARLING_CACERT']
  const control = options.control ?? io.env['STARLING_CONTROL'] ?? DEFAULT_CONTROL
  const target: Target = {
    control,
    ...(url === undefined || url === '' ? {} : { url }),
    ...(token === undefined || token === '' ? {} : { token }),
    ...(ca === undefined || ca === '' ? {} : { ca: authority(ca) }),
    ...(timeout === undefined ? {} : { timeout }),
  }
  return new ApiClient(target)
}

function authority(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw usage(`--cacert: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export type ShowOptions = TargetOptions & OutputOptions & { readonly watch?: number | true }

/** What the API takes for these, for the parser and for completion. */
export const PEER_STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'down'] as const
export const PEER_KINDS = ['mesh', 'global', 'node', 'local-workload', 'dynamic', 'static'] as const

export const familyOption = (): Option => new Option('--family <family>', 'address family').choices(['ipv4', 'ipv6'])

/** Which events: for `watch` and `show events`. */
export const addEventFilter = (command: Command): Command =>
  command
    .option('--peer <name>', 'only events of this peer')
    .option('--type <types>', 'only these types, comma separated (session-state, bad-update, kernel-error, ...)')
    .addOption(
      new Option('--level <level>', 'only events at least this loud').choices(['debug', 'info', 'warn', 'error']),
    )
    .option('--match <words>', 'only events in whose code or message all these words occur')
