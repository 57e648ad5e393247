/**
 * `starling register`: writes this node's Node resource from its interfaces and environment, and the default pools and
 * configurations of a cluster that has none (calico.md 5.1, 5.2); what `calico-node -startup` does. Once, or again and again.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Datastore, DatastoreError, type Entry } from '@starling/datastore'
import {
  createDefaultPools,
  createDefaultResources,
  DEFAULT_NODENAME_FILE,
  type HostInterface,
  IpamError,
  type NodeEnvironment,
  nodeOptionsFromEnv,
  parseMethod,
  registerNode,
  type Surroundings,
} from '@starling/ipam'
import { decodeEntry, resourceKey } from '@starling/resources'
import type { Command } from 'commander'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import { addDatastore } from './daemon-options.js'
import { withDatastore } from './datastore-reader.js'

interface RegisterOptions {
  readonly datastore?: string
  readonly name?: string
  readonly monitor?: boolean
}

export function register(program: Command, io: Io): void {
  addDatastore(
    program.command('register').description("write this node's Node resource, the default pools and configurations"),
  )
    .option('--name <name>', 'name of this node (default: NODENAME, the nodename file, HOSTNAME, the host name)')
    .option('--monitor', 'go on: detect again every AUTODETECT_POLL_INTERVAL')
    .action(async (options: RegisterOptions) => {
      const environment = await readEnvironment(options, io)
      do {
        await once(options, environment, io)
        if (options.monitor === true) {
          await delay(environment.pollInterval, undefined, { signal: io.signal }).catch(() => undefined)
        }
      } while (options.monitor === true && !io.signal.aborted)
    })
}

async function readEnvironment(options: RegisterOptions, io: Io): Promise<NodeEnvironment> {
  const path = io.env['CALICO_NODENAME_FILE'] ?? DEFAULT_NODENAME_FILE
  const nodenameFile = await readFile(path, 'utf8').catch(() => undefined)
  const env = options.name === undefined ? io.env : { ...io.env, NODENAME: options.name }
  const surroundings = { hostname: hostname(), ...(nodenameFile === undefined ? {} : { nodenameFile }) }
  const { options: environment, problems } = nodeOptionsFromEnv(env, surroundings)
  if (problems.length > 0) throw usage(problems.map(({ variable, problem }) => `${variable}: ${problem}`).join('; '))
  return environment
}

async function once(options: RegisterOptions, environment: NodeEnvironment, io: Io): Promise<void> {
  try {
    await withDatastore(options.datastore, io, async (datastore) => {
      if (environment.waitForDatastore) await untilItAnswers(datastore, io)
      const surroundings = await lookAround(environment, datastore)
      const context = { datastore, now: Date.now, uuid: () => randomUUID() }
      const { ipv4Address, ipv6Address, changed } = await registerNode(context, environment, surroundings)
      const addresses = [ipv4Address, ipv6Address].filter((address) => address !== undefined)
      if (changed) io.write(`Node ${environment.name} has ${addresses.join(' and ')}\n`)
      const pools = await createDefaultPools(context, environment, {
        ulaCidr: randomUla(),
        nodeAddresses: addresses,
        ipv6: ipv6Address !== undefined,
      })
      for (const pool of pools) io.write(`IPPool ${pool} created\n`)
      for (const made of await createDefaultResources(context, environment)) io.write(`${made} created\n`)
    })
    await keepName(environment, io)
  } catch (error) {
    if (error instanceof IpamError) throw new CliError(error.message)
    throw error
  }
}

/** WAIT_FOR_DATASTORE: any answer will do, but a refusal is one (calico.md 5.1). */
async function untilItAnswers(datastore: Datastore, io: Io): Promise<void> {
  let told = false
  while (!io.signal.aborted) {
    try {
      await datastore.get(resourceKey('ClusterInformation', 'default'))
      return
    } catch (error) {
      if (!(error instanceof DatastoreError) || !error.retriable) throw error
      if (!told) io.error(`waiting for ${datastore.description}: ${error.message}\n`)
      told = true
    }
    await delay(1_000, undefined, { signal: io.signal }).catch(() => undefined)
  }
}

/**
 * Calico's CNI plugin and its health checks read the name from a file (calico.md 1.3, 5.4). Where nobody named the file
 * and its usual folder is missing, no Calico component is here to read it.
 */
async function keepName({ name, nodenameFile }: NodeEnvironment, io: Io): Promise<void> {
  const asked = io.env['CALICO_NODENAME_FILE'] !== undefined
  try {
    if (asked) await mkdir(dirname(nodenameFile), { recursive: true })
    await writeFile(nodenameFile, name)
  } catch (error) {
    if (asked || (error as NodeJS.ErrnoException).code !== 'ENOENT')
      io.error(`the name of the node was not kept: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}

/** RFC 4193 section 3.2.1: 40 random bits. */
function randomUla(): string {
  const hex = randomBytes(5).toString('hex')
  return `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}::/48`
}

async function lookAround(environment: NodeEnvironment, datastore: Datastore): Promise<Surroundings> {
  const interfaces = await listInterfaces()
  const methods = [parseMethod(environment.ipMethod), parseMethod(environment.ip6Method)] as const
  const sources = methods.map(async (method, i) =>
    'kind' in method && method.kind === 'can-reach' ? sourceTowards(method.target, i === 0 ? 4 : 6) : undefined,
  )
  const reachableFrom = (await Promise.all(sources)).filter((address) => address !== undefined)
  const kubernetes = methods.some((method) => 'kind' in method && method.kind === 'kubernetes-internal-ip')
  return {
    interfaces,
    reachableFrom,
    ...(kubernetes ? await internalAddresses(datastore, environment) : {}),
  }
}

/** Those that are down as well; where netlink cannot be spoken, those that Node knows to be up. */
async function listInterfaces(): Promise<readonly HostInterface[]> {
  try {
    const { hostInterfaces } = await import('@starling/bgp-client/host')
    return await hostInterfaces()
  } catch {
    return Object.entries(networkInterfaces()).map(([name, addresses = []]) => ({
      name,
      addresses: addresses.map(({ address, cidr }) => ({ address, length: Number(cidr?.split('/')[1] ?? 0) })),
    }))
  }
}

/**
 * From the Kubernetes Node as the datastore has it (a file datastore may hold it beside the rest), else as Calico's own Node
 * repeats it (`spec.addresses`). The Kubernetes API itself is not asked.
 */
async function internalAddresses(
  datastore: Datastore,
  { name, kubernetesNode }: NodeEnvironment,
): Promise<Pick<Surroundings, 'kubernetesAddresses' | 'kubernetesFault'>> {
  const kubernetes = decoded(await datastore.get(resourceKey('KubernetesNode', kubernetesNode)))
  const calico = decoded(await datastore.get(resourceKey('Node', name)))
  const stated = [
    ...(kubernetes?.kind === 'KubernetesNode' ? kubernetes.status.addresses : []),
    ...(calico?.kind === 'Node' ? calico.spec.addresses : []),
  ]
  const addresses = stated.filter(({ type }) => type === 'InternalIP').map(({ address }) => address)
  const kubernetesFault = `the Kubernetes API is not asked, and the datastore has no Kubernetes Node ${kubernetesNode} with an InternalIP of the family, nor has Calico's Node ${name} one in spec.addresses; use another method`
  return { kubernetesAddresses: addresses, kubernetesFault }
}

function decoded(entry: Entry | undefined) {
  const result = entry === undefined ? undefined : decodeEntry(entry.key, entry.value)
  return result?.ok === true ? result.value : undefined
}

/** A connected UDP socket sends nothing, but the routing table chooses its source address. */
async function sourceTowards(target: string, family: 4 | 6): Promise<string | undefined> {
  const found = await lookup(target, { family }).catch(() => undefined)
  if (found === undefined) return undefined
  const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    socket.on('error', () => resolve(undefined))
    socket.connect(80, found.address, () => {
      resolve(socket.address().address)
      socket.close()
    })
  })
}
