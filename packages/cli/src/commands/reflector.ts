/**
 * `starling reflector`: a route reflector without a kernel. With `--accept` everything stands on the command line and
 * clients come from ranges; without it the datastore says who they are.
 */
import { readFile } from 'node:fs/promises'
import { DEFAULT_NODENAME_FILE } from '@starling/ipam'
import { parseAsNumber } from '@starling/resources'
import { type Command, InvalidArgumentError } from 'commander'
import { usage, verdict } from '../exit.js'
import type { Io } from '../io.js'
import {
  addDaemonOptions,
  commonOptions,
  type DaemonCommandOptions,
  dottedQuad,
  listenAddress,
  port,
  quadValue,
  range,
  repeated,
  showAs,
} from './daemon-options.js'

function asNumber(text: string): number {
  const value = parseAsNumber(text)
  if (value === undefined || value === 0) throw new InvalidArgumentError('An AS number such as 64512 or 1.10.')
  return value
}

interface ReflectorCommandOptions extends DaemonCommandOptions {
  readonly as?: number
  readonly clusterId?: string
  readonly listen?: readonly { address: string; port: number }[]
  readonly listenPort?: number
  readonly accept?: readonly string[]
  readonly acceptExternal?: readonly string[]
}

function standalone(options: ReflectorCommandOptions) {
  const { as, routerId, accept = [], acceptExternal = [] } = options
  if (as === undefined || routerId === undefined)
    throw usage('without a datastore a reflector needs --as and --router-id')
  if (options.datastore !== undefined) throw usage('--accept and --datastore exclude each other')
  return {
    asNumber: as,
    routerId: quadValue(routerId),
    // RFC 4456 section 7: the router ID stands in for the cluster ID.
    clusterId: quadValue(options.clusterId ?? routerId),
    listen: options.listen ?? [
      { address: '0.0.0.0', port: 179 },
      { address: '::', port: 179 },
    ],
    accept,
    acceptExternal,
  }
}

export function register(program: Command, io: Io): void {
  const command = program.command('reflector').description('run a route reflector')
  addDaemonOptions(command)
    .option('--as <number>', 'AS number (with --accept)', asNumber)
    .option('--cluster-id <a.b.c.d>', 'cluster ID (with --accept; default: the router ID)', dottedQuad)
    .option('--listen <address:port>', 'accept BGP here (with --accept; repeatable)', repeated(listenAddress))
    .option('--listen-port <port>', 'BGP port, in place of the one the datastore says', port)
    .option('--accept <prefix>', 'take clients from this range (repeatable)', repeated(range))
    .option('--accept-external <prefix>', 'take eBGP peers from this range (repeatable)', repeated(range))
    .action(async (options: ReflectorCommandOptions) => {
      const alone = options.accept !== undefined || options.acceptExternal !== undefined
      const mode = alone
        ? ({ kind: 'standalone', options: standalone(options) } as const)
        : ({
            kind: 'datastore',
            ...(options.datastore === undefined ? {} : { spec: options.datastore }),
            ...(options.listenPort === undefined ? {} : { listenPort: options.listenPort }),
          } as const)
      const { runReflector } = await import('@starling/route-reflector')
      showAs(options.processName)
      const path = io.env['CALICO_NODENAME_FILE'] ?? DEFAULT_NODENAME_FILE
      const nodenameFile = await readFile(path, 'utf8').catch(() => undefined)
      const code = await runReflector({ ...commonOptions(options, io, nodenameFile), mode })
      if (code !== 0) throw verdict(code)
    })
}
