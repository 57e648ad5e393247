/**
 * `starling reflector`: a route reflector without a kernel. With `--as` everything stands on the command line and clients
 * come from ranges; without it the datastore says who they are.
 */
import { parseAsNumber } from '@starling/resources'
import { type Command, InvalidArgumentError } from 'commander'
import { usage } from '../exit.js'
import type { Io } from '../io.js'
import {
  addDaemonOptions,
  commonOptions,
  type DaemonCommandOptions,
  dottedQuad,
  dottedValue,
  listenAddress,
  port,
  range,
  repeated,
  runDaemon,
} from './daemon-options.js'

function asNumber(text: string): number {
  const value = parseAsNumber(text)
  if (value === undefined || value === 0) throw new InvalidArgumentError('An AS number such as 64512 or 1.10.')
  return value
}

interface ReflectorCommandOptions extends DaemonCommandOptions {
  readonly as?: number
  readonly clusterId?: number
  readonly listen?: readonly { address: string; port: number }[]
  readonly listenPort?: number
  readonly accept?: readonly string[]
  readonly acceptExternal?: readonly string[]
}

/** What stands on the command line alone, or nothing when the datastore is to say it. */
function standalone(options: ReflectorCommandOptions) {
  const { as, routerId, accept = [], acceptExternal = [] } = options
  const ranges = accept.length + acceptExternal.length
  if (as === undefined) {
    if (ranges > 0) throw usage('--accept needs --as: which AS are we?')
    return undefined
  }
  if (options.datastore !== undefined) throw usage('give --datastore or --as, not both: one of them says who we are')
  if (ranges === 0) throw usage('--as needs --accept or --accept-external: nobody could ever connect')
  const id = routerId === undefined ? undefined : dottedValue(routerId)
  if (id === undefined) throw usage('--as needs --router-id, four octets such as 10.0.0.1, not all zero (RFC 6286)')
  return {
    asNumber: as,
    routerId: id,
    // RFC 4456 section 7: the router ID stands in for the cluster ID.
    clusterId: options.clusterId ?? id,
    listen: options.listen ?? [{ address: '0.0.0.0', port: 179 }],
    accept,
    acceptExternal,
  }
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('reflector')
    .description('reflect routes between clients: from a datastore, or with --as and --accept from nothing at all')
    .option('--name <name>', 'name of the Node resource, and in logs', 'reflector')
  addDaemonOptions(command)
    .option('--as <number>', 'without a datastore: our AS', asNumber)
    .option('--cluster-id <id>', 'without a datastore: our cluster (default: the router ID)', dottedQuad)
    .option('--listen <address:port>', 'without a datastore: accept BGP here (repeatable)', repeated(listenAddress))
    .option('--accept <range>', 'without a datastore: clients connect from here (repeatable)', repeated(range))
    .option(
      '--accept-external <range>',
      'without a datastore: eBGP peers of any AS connect from here (repeatable)',
      repeated(range),
    )
    .option('--listen-port <port>', 'BGP port, in place of the one the datastore says', port)
    .action(async (options: ReflectorCommandOptions & { name: string }) => {
      const alone = standalone(options)
      const mode =
        alone === undefined
          ? ({
              kind: 'datastore',
              ...(options.datastore === undefined ? {} : { spec: options.datastore }),
              ...(options.listenPort === undefined ? {} : { listenPort: options.listenPort }),
            } as const)
          : ({ kind: 'standalone', options: alone } as const)
      const { runReflector } = await import('@starling/route-reflector')
      const reflectorOptions = { ...(await commonOptions(options, io)), name: options.name, mode }
      await runDaemon(options.processName, () => runReflector(reflectorOptions))
    })
}
