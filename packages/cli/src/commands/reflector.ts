/** `starling reflector`: a route reflector without a kernel, from the datastore or from the command line alone. */
import { parseIPv4 } from '@starling/bgp-packet/address'
import { Prefix } from '@starling/inet'
import type { ReflectorOptions } from '@starling/route-reflector'
import { type Command, InvalidArgumentError } from 'commander'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import {
  addDaemonOptions,
  type DaemonCommandOptions,
  type HostPort,
  hostPort,
  sharedOptions,
} from './daemon-options.js'

interface ReflectorCommandOptions extends DaemonCommandOptions {
  readonly name?: string
  readonly as?: number
  readonly clusterId?: number
  readonly listen: readonly HostPort[]
  readonly accept: readonly string[]
  readonly acceptExternal: readonly string[]
}

const several = <T>(parse: (text: string) => T) => {
  return (text: string, before: readonly T[]): readonly T[] => [...before, parse(text)]
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('reflector')
    .description('reflect routes between clients: from a datastore, or with --as and --accept from nothing at all')
    .option('--name <name>', 'name of the Node resource, and in logs (default: reflector)')
    .option('--as <number>', 'without a datastore: our AS', asNumber)
    .option('--cluster-id <id>', 'without a datastore: our cluster, an IPv4 address (default: the router id)', ipv4)
    .option(
      '--listen <address:port>',
      'without a datastore: where to listen; may be given again',
      several(hostPort),
      [],
    )
    .option(
      '--accept <range>',
      'without a datastore: clients connect from here; may be given again',
      several(range),
      [],
    )
    .option(
      '--accept-external <range>',
      'without a datastore: eBGP peers of any AS connect from here',
      several(range),
      [],
    )
  addDaemonOptions(command).action(async (options: ReflectorCommandOptions) => {
    const mode = modeOf(options)
    const { runReflector } = await import('@starling/route-reflector')
    const code = await runReflector({ ...sharedOptions(options, io), name: options.name ?? 'reflector', mode }).catch(
      (error: unknown) => {
        throw new CliError(error instanceof Error ? error.message : String(error))
      },
    )
    process.exit(code)
  })
}

function modeOf(options: ReflectorCommandOptions): ReflectorOptions['mode'] {
  const { as, datastore, listenPort, listen, accept, acceptExternal, routerId, clusterId } = options
  if (as === undefined) {
    if (accept.length > 0 || acceptExternal.length > 0) throw usage('--accept needs --as: which AS are we?')
    return {
      kind: 'datastore',
      ...(datastore === undefined ? {} : { spec: datastore }),
      ...(listenPort === undefined ? {} : { listenPort }),
    }
  }
  if (datastore !== undefined) throw usage('give --datastore or --as, not both: one of them says who we are')
  if (accept.length === 0 && acceptExternal.length === 0) {
    throw usage('--as needs --accept or --accept-external: nobody could ever connect')
  }
  const id = routerId === undefined ? undefined : parseIPv4(routerId)
  if (id === undefined || id === 0) throw usage('--as needs --router-id, an IPv4 address other than 0.0.0.0')
  return {
    kind: 'standalone',
    options: {
      asNumber: as,
      routerId: id,
      clusterId: clusterId ?? id,
      listen: (listen.length > 0 ? listen : [{ host: '0.0.0.0', port: 179 }]).map(({ host, port }) => ({
        address: host,
        port,
      })),
      accept,
      acceptExternal,
    },
  }
}

function asNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 4_294_967_294) {
    throw new InvalidArgumentError('An AS number from 1 to 4294967294.')
  }
  return value
}

function ipv4(text: string): number {
  const value = parseIPv4(text)
  if (value === undefined || value === 0) throw new InvalidArgumentError('An IPv4 address.')
  return value
}

function range(text: string): string {
  const prefix = Prefix.parse(text)
  if (prefix === undefined) throw new InvalidArgumentError('A prefix with no host bits, e.g. 100.64.0.0/16.')
  return prefix.toString()
}
