/**
 * `starling register`: writes this node's Node resource from its interfaces and environment, and the default pools of a
 * cluster that has none (calico.md 5.1, 5.2); what `calico-node -startup` does. Once, or again and again.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createDefaultPools,
  DEFAULT_NODENAME_FILE,
  type HostInterface,
  IpamError,
  type NodeEnvironment,
  nodeOptionsFromEnv,
  parseMethod,
  registerNode,
  type Surroundings,
} from '@starling/ipam'
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
  addDatastore(program.command('register').description("write this node's Node resource and the default pools"))
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
  const surroundings = await lookAround(environment)
  try {
    await withDatastore(options.datastore, io, async (datastore) => {
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
    })
    await keepName(environment, io)
  } catch (error) {
    if (error instanceof IpamError) throw new CliError(error.message)
    throw error
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

async function lookAround(environment: NodeEnvironment): Promise<Surroundings> {
  const interfaces = Object.entries(networkInterfaces()).map(
    ([name, addresses = []]): HostInterface => ({
      name,
      addresses: addresses.map(({ address, cidr }) => ({ address, length: Number(cidr?.split('/')[1] ?? 0) })),
    }),
  )
  const method = parseMethod(environment.ipMethod)
  const target = 'kind' in method && method.kind === 'can-reach' ? method.target : undefined
  const reachableFrom = target === undefined ? undefined : await sourceTowards(target)
  return { interfaces, ...(reachableFrom === undefined ? {} : { reachableFrom }) }
}

/** A connected UDP socket sends nothing, but the routing table chooses its source address. */
async function sourceTowards(target: string): Promise<string | undefined> {
  const found = await lookup(target).catch(() => undefined)
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
