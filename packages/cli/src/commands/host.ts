/**
 * `starling programmer` and `starling cleanup`: what is done to a host without speaking BGP. Options here, the work in
 * `@starling/bgp-client/host`.
 */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { ApiClient, DEFAULT_CONTROL } from '../client/client.js'
import { CliError, EXIT, usage } from '../exit.js'
import type { Io } from '../io.js'
import { datastoreSpec, nameOfThisNode, nonEmpty, repeated, runDaemon } from './daemon-options.js'
import { withDatastore } from './datastore-reader.js'

function uid(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= 0xffff_fffe) return value
  throw new InvalidArgumentError('A numeric user ID such as 1000; `id -u NAME` tells it.')
}

function tableNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= 0xffff_ffff && value !== 255) return value
  throw new InvalidArgumentError('A routing table number such as 254 (main); 255 is the kernel’s own.')
}

interface ProgrammerOptions {
  readonly socket: string
  readonly allowUid?: readonly number[]
  readonly table?: readonly number[]
}

export function registerProgrammer(program: Command, io: Io): void {
  program
    .command('programmer')
    .description('write kernel routes for an unprivileged starling node, and nothing else')
    .requiredOption('--socket <path>', 'Unix socket for `starling node --fib remote:PATH`')
    .option('--allow-uid <uid>', 'this user may connect, beside root and our own (repeatable)', repeated(uid))
    .option('--table <number>', 'clients may write in this table (repeatable; default: main)', repeated(tableNumber))
    .action(async ({ socket: path, allowUid = [], table: tables }: ProgrammerOptions) => {
      const folder = await stat(dirname(path)).catch(() => undefined)
      if (folder?.isDirectory() !== true) throw usage(`--socket ${path}: the folder ${dirname(path)} does not exist`)
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && !found.isSocket()) throw usage(`--socket ${path}: there is a file that is no socket`)
      const { runProgrammer } = await import('@starling/bgp-client/host')
      const log = (text: string): void => io.error(`${text}\n`)
      await runDaemon(undefined, () =>
        runProgrammer({ path, allowUids: allowUid, log, ...(tables === undefined ? {} : { tables }) }),
      )
    })
}

interface CleanupCommandOptions {
  readonly dryRun: boolean
  readonly cniConf?: string
  readonly programVxlan: boolean
  readonly force: boolean
  readonly datastore?: string
  readonly name?: string
  readonly table?: readonly number[]
}

export function registerCleanup(program: Command, io: Io): void {
  program
    .command('cleanup')
    .description('remove what starling left on this host: routes, tunnel addresses, the CNI file')
    .option('--dry-run', 'only say what would be removed', false)
    .option('--cni-conf <path>', 'the CNI configuration to remove (default: /etc/cni/net.d/10-starling.conflist)')
    .option('--program-vxlan', 'VXLAN devices as well: where starling node ran with this option', false)
    .option('--table <number>', 'our routes in this table (repeatable; default: main)', repeated(tableNumber))
    .option('--datastore <spec>', 'the tunnel addresses of this node in IPAM as well', datastoreSpec)
    .option('--name <name>', 'name of the Node resource, with --datastore (default: as for starling node)')
    .option('--force', 'although a daemon is running here', false)
    .action(async (options: CleanupCommandOptions) => {
      if (!options.dryRun) await mayClean(options, io)
      const { removed, failed } = await clean(options, io)
      for (const what of removed) io.write(`${options.dryRun ? 'would remove' : 'removed'} ${what}\n`)
      for (const { what, why } of failed) io.error(`kept ${what}: ${why}\n`)
      if (removed.length + failed.length === 0) io.write('nothing of ours is here\n')
      if (failed.length > 0) throw new CliError(`${failed.length} of ${removed.length + failed.length} are still there`)
    })
}

async function clean(options: CleanupCommandOptions, io: Io) {
  const { cleanupHost, DEFAULT_CNI_CONF } = await import('@starling/bgp-client/host')
  const what = {
    dryRun: options.dryRun,
    vxlan: options.programVxlan,
    cniConf: options.cniConf ?? DEFAULT_CNI_CONF,
    ...(options.table === undefined ? {} : { tables: options.table }),
  }
  const inWords = (error: unknown): never => {
    throw new CliError(error instanceof Error ? error.message : String(error))
  }
  if (options.datastore === undefined) return cleanupHost(what).catch(inWords)
  const node = options.name ?? (await nameOfThisNode(io))
  return withDatastore(options.datastore, io, (datastore) =>
    cleanupHost({ ...what, addresses: { datastore, node } }).catch(inWords),
  )
}

/** A running daemon would write everything again at once. */
async function mayClean({ force }: CleanupCommandOptions, io: Io): Promise<void> {
  const { kernelWriter, mayWriteRoutes } = await import('@starling/bgp-client/host')
  if (!mayWriteRoutes()) {
    throw new CliError(
      'removing kernel routes needs CAP_NET_ADMIN: run as root (a container must be given it as well); --dry-run needs nothing',
      EXIT.denied,
    )
  }
  if (force) return
  const writer = await kernelWriter()
  if (writer !== undefined)
    throw new CliError(`${writer} writes the routes here: stop it first, or it writes everything again (--force)`)
  const path = nonEmpty(io.env['STARLING_CONTROL']) ?? DEFAULT_CONTROL
  const running = await new ApiClient({ control: path }).get('/v1/summary').then(
    () => true,
    () => false,
  )
  if (running) throw new CliError(`a daemon answers at ${path}: stop it first, or it writes everything again (--force)`)
}
