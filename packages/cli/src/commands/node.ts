/** `starling node`: the agent of one node, in place of BIRD, BIRD6 and confd. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { nodeName } from '@starling/ipam'
import { type Command, InvalidArgumentError } from 'commander'
import { CliError } from '../exit.js'
import type { Io } from '../io.js'
import { addDaemonOptions, type DaemonCommandOptions, sharedOptions } from './daemon-options.js'

type Fib = 'netlink' | 'memory' | { readonly remote: string }

interface NodeCommandOptions extends DaemonCommandOptions {
  readonly name?: string
  readonly fib: Fib
  readonly claimBlock: boolean
  readonly cniConf?: string
  readonly secretsDir?: string
}

const NODENAME_FILE = '/var/lib/calico/nodename'

export function register(program: Command, io: Io): void {
  const command = program
    .command('node')
    .description('speak BGP for this node and program its kernel, as the datastore says')
    .option('--name <name>', 'name of the Node resource (default: NODENAME, the nodename file, the host name)')
  addDaemonOptions(command)
    .option(
      '--fib <where>',
      'where routes go: netlink, memory, or remote:PATH of a starling programmer',
      fib,
      'netlink',
    )
    .option('--claim-block', 'claim a pod block for this node when it has none (no Calico CNI here)', false)
    .option('--cni-conf <path>', 'with --claim-block: write a CNI configuration for ptp and host-local')
    .option('--secrets-dir <dir>', 'mounted secrets: <name>/<key> files with BGP passwords')
    .action(async (options: NodeCommandOptions) => {
      const { runNode } = await import('@starling/bgp-client')
      const { env } = io
      const { CALICO_K8S_NODE_REF, CALICO_ADVERTISE_CLUSTER_IPS, CALICO_ENDPOINT_STATUS_PATH_PREFIX } = env
      const code = await runNode({
        ...sharedOptions(options, io),
        name: options.name ?? nameOfThisNode(env),
        fib: options.fib,
        claimBlock: options.claimBlock,
        ...(options.datastore === undefined ? {} : { datastore: options.datastore }),
        ...(options.listenPort === undefined ? {} : { listenPort: options.listenPort }),
        ...(options.cniConf === undefined ? {} : { cniConf: options.cniConf }),
        ...(options.secretsDir === undefined ? {} : { secretsDir: options.secretsDir }),
        ...(CALICO_K8S_NODE_REF === undefined ? {} : { kubernetesNodeName: CALICO_K8S_NODE_REF }),
        ...(CALICO_ADVERTISE_CLUSTER_IPS === undefined ? {} : { advertiseClusterIps: CALICO_ADVERTISE_CLUSTER_IPS }),
        endpointStatusPrefix: CALICO_ENDPOINT_STATUS_PATH_PREFIX ?? '/var/run/calico',
      }).catch((error: unknown) => {
        throw new CliError(error instanceof Error ? error.message : String(error))
      })
      process.exit(code)
    })
}

function fib(text: string): Fib {
  if (text === 'netlink' || text === 'memory') return text
  if (text.startsWith('remote:') && text.length > 'remote:'.length) return { remote: text.slice('remote:'.length) }
  throw new InvalidArgumentError('netlink, memory, or remote:PATH.')
}

function nameOfThisNode(env: Io['env']): string {
  const file = env['CALICO_NODENAME_FILE'] ?? NODENAME_FILE
  const nodenameFile = contents(file)
  return nodeName(env, { hostname: hostname(), ...(nodenameFile === undefined ? {} : { nodenameFile }) })
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
