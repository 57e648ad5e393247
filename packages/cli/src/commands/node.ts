/**
 * `starling node`: the agent of one node. Options here, the work in `@starling/bgp-client`.
 */
import { readFile } from 'node:fs/promises'
import { DEFAULT_NODENAME_FILE } from '@starling/ipam'
import { type Command, InvalidArgumentError } from 'commander'
import { verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addDaemonOptions, commonOptions, type DaemonCommandOptions, nonEmpty, port, showAs } from './daemon-options.js'

type Fib = 'netlink' | 'memory' | { readonly remote: string }

function fib(text: string): Fib {
  if (text === 'netlink' || text === 'memory') return text
  const path = /^remote:(.+)$/.exec(text)?.[1]
  if (path === undefined) throw new InvalidArgumentError('netlink, memory or remote:PATH.')
  return { remote: path }
}

interface NodeCommandOptions extends DaemonCommandOptions {
  readonly fib: Fib
  readonly claimBlock: boolean
  readonly cniConf?: string
  readonly secretsDir?: string
  readonly listenPort?: number
}

export function register(program: Command, io: Io): void {
  const command = program.command('node').description('run the agent of this node')
  addDaemonOptions(command)
    .option('--fib <driver>', 'netlink, memory, or remote:PATH of a route server', fib, 'netlink' as Fib)
    .option('--claim-block', 'claim a pod block for this node when it has none', false)
    .option('--cni-conf <path>', 'write a CNI configuration for the claimed block here')
    .option('--secrets-dir <dir>', 'mounted secrets, as NAME/KEY')
    .option('--listen-port <port>', 'BGP port, in place of the one the datastore says', port)
    .action(async (options: NodeCommandOptions) => {
      const { runNode } = await import('@starling/bgp-client')
      showAs(options.processName)
      const path = io.env['CALICO_NODENAME_FILE'] ?? DEFAULT_NODENAME_FILE
      const nodenameFile = await readFile(path, 'utf8').catch(() => undefined)
      const kubernetesNodeName = nonEmpty(io.env['CALICO_K8S_NODE_REF'])
      const endpointStatusPrefix = nonEmpty(io.env['CALICO_ENDPOINT_STATUS_PATH_PREFIX'])
      const advertiseClusterIps = nonEmpty(io.env['CALICO_ADVERTISE_CLUSTER_IPS'])
      const code = await runNode({
        ...commonOptions(options, io, nodenameFile),
        ...(options.datastore === undefined ? {} : { datastore: options.datastore }),
        fib: options.fib,
        claimBlock: options.claimBlock,
        ...(options.cniConf === undefined ? {} : { cniConf: options.cniConf }),
        ...(options.secretsDir === undefined ? {} : { secretsDir: options.secretsDir }),
        ...(options.listenPort === undefined ? {} : { listenPort: options.listenPort }),
        ...(kubernetesNodeName === undefined ? {} : { kubernetesNodeName }),
        ...(endpointStatusPrefix === undefined ? {} : { endpointStatusPrefix }),
        ...(advertiseClusterIps === undefined ? {} : { advertiseClusterIps }),
      })
      if (code !== 0) throw verdict(code)
    })
}
