/**
 * `starling node`: the agent of one node, in place of BIRD, BIRD6 and confd. Options here, the work in
 * `@starling/bgp-client`.
 */
import { type Command, InvalidArgumentError } from 'commander'
import type { Io } from '../io.js'
import {
  addDaemonOptions,
  commonOptions,
  type DaemonCommandOptions,
  nameOfThisNode,
  nonEmpty,
  port,
  runDaemon,
} from './daemon-options.js'

type Fib = 'netlink' | 'memory' | { readonly remote: string }

function fib(text: string): Fib {
  if (text === 'netlink' || text === 'memory') return text
  const path = /^remote:(.+)$/.exec(text)?.[1]
  if (path === undefined) throw new InvalidArgumentError('netlink, memory or remote:PATH.')
  return { remote: path }
}

interface NodeCommandOptions extends DaemonCommandOptions {
  readonly fib: Fib
  readonly programVxlan: boolean
  readonly claimBlock: boolean
  readonly cniConf?: string
  readonly nodeStatus: boolean
  readonly secretsDir?: string
  readonly listenPort?: number
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('node')
    .description('speak BGP for this node and program its kernel, as the datastore says')
    .option(
      '--name <name>',
      'name of the Node resource (default: NODENAME, the nodename file, HOSTNAME, the host name)',
    )
  addDaemonOptions(command)
    .option(
      '--fib <where>',
      'where routes go: netlink, memory, or remote:PATH of a starling programmer',
      fib,
      'netlink' as Fib,
    )
    .option('--program-vxlan', 'VXLAN devices and routes as well: for clusters that run without Felix', false)
    .option('--claim-block', 'claim a pod block for this node when it has none (no Calico CNI here)', false)
    .option('--cni-conf <path>', 'with --claim-block: write a CNI configuration for ptp and host-local')
    .option('--node-status', "write CalicoNodeStatus objects (where Calico's own reporter does not run)", false)
    .option('--secrets-dir <dir>', 'mounted secrets with BGP passwords, as NAME/KEY')
    .option('--listen-port <port>', 'BGP port, in place of the one the datastore says', port)
    .action(async (options: NodeCommandOptions) => {
      const { runNode } = await import('@starling/bgp-client')
      const kubernetesNodeName = nonEmpty(io.env['CALICO_K8S_NODE_REF'])
      const advertiseClusterIps = nonEmpty(io.env['CALICO_ADVERTISE_CLUSTER_IPS'])
      const nodeOptions = {
        ...(await commonOptions(options, io)),
        name: options.name ?? (await nameOfThisNode(io)),
        ...(options.datastore === undefined ? {} : { datastore: options.datastore }),
        fib: options.fib,
        programVxlan: options.programVxlan,
        claimBlock: options.claimBlock,
        nodeStatus: options.nodeStatus,
        ...(options.cniConf === undefined ? {} : { cniConf: options.cniConf }),
        ...(options.secretsDir === undefined ? {} : { secretsDir: options.secretsDir }),
        ...(options.listenPort === undefined ? {} : { listenPort: options.listenPort }),
        ...(kubernetesNodeName === undefined ? {} : { kubernetesNodeName }),
        ...(advertiseClusterIps === undefined ? {} : { advertiseClusterIps }),
        endpointStatusPrefix: nonEmpty(io.env['CALICO_ENDPOINT_STATUS_PATH_PREFIX']) ?? '/var/run/calico',
      }
      await runDaemon(options.processName, () => runNode(nodeOptions))
    })
}
