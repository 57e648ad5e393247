/**
 * `starling ipam show | check | claim | release`: the address books of the cluster, with Calico's columns
 * (calico.md 6.4), and the two changes that an operator needs.
 */
import type { Datastore } from '@starling/datastore'
import { Prefix } from '@starling/inet'
import {
  checkIpam,
  claimBlock,
  ensureNodeBlock,
  type IpamContext,
  IpamError,
  releaseAddress,
  releaseAffinity,
  releaseByHandle,
  releaseNodeBlock,
  showIpam,
  type Usage,
} from '@starling/ipam'
import { resourceKey } from '@starling/resources'
import { type Command, Option } from 'commander'
import { CliError, EXIT, usage, verdict } from '../exit.js'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render } from '../output/print.js'
import { table } from '../output/table.js'
import { harmless } from '../output/text.js'
import { addDatastore } from './daemon-options.js'
import { withDatastore } from './datastore-reader.js'

interface IpamOptions extends OutputOptions {
  readonly datastore?: string
}

export function register(program: Command, io: Io): void {
  const ipam = program.command('ipam').description('pools, blocks and addresses of the cluster')
  const sub = (name: string, description: string): Command =>
    addOutput(addDatastore(ipam.command(name).description(description)))

  sub('show', 'how full the pools are')
    .option('--blocks', 'every block too')
    .option('--borrowed', 'addresses used outside the node that owns their block')
    .action(async (options: IpamOptions & { blocks?: boolean; borrowed?: boolean }) => show(options, io))
  sub('check', 'do the books agree with themselves?').action(async (options: IpamOptions) => check(options, io))
  sub('claim', 'claim a block for a node')
    .requiredOption('--node <name>', 'for this node')
    .addOption(new Option('--family <family>', 'address family').choices(['ipv4', 'ipv6']).default('ipv4'))
    .option('--pool <name>', 'from this pool')
    .option('--hold', 'hold all its addresses for host-local; the block the node has already, if any')
    .action(async (options: ClaimOptions) => claim(options, io))
  sub('release <what>', 'release an address, a block (with --node), or what a handle holds (with --handle)')
    .option('--node <name>', 'the owner of the block')
    .option('--handle', 'WHAT is a handle')
    .option('--force', 'release a block although addresses in it are in use')
    .action(async (what: string, options: ReleaseOptions) => release(what, options, io))
}

/** Refusals of the library as messages and exit codes. */
async function withIpam<T>(options: IpamOptions, io: Io, use: (context: IpamContext) => Promise<T>): Promise<T> {
  try {
    return await withDatastore(options.datastore, io, (datastore: Datastore) => use({ datastore, now: Date.now }))
  } catch (error) {
    if (error instanceof IpamError) throw new CliError(`${error.message} (${error.code})`)
    throw error
  }
}

/** 64-bit counts as JSON numbers while they are exact, as text beyond. */
const count = (value: bigint): number | string =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()

function share(part: bigint, total: bigint): string {
  const percent = total === 0n ? 0 : Number((part * 1000n) / total) / 10
  return `${part} (${Math.round(percent)}%)`
}

async function show(options: IpamOptions & { blocks?: boolean; borrowed?: boolean }, io: Io): Promise<void> {
  const report = await withIpam(options, io, showIpam)
  const usage = report.usage.filter(({ grouping }) => grouping === 'IP Pool' || options.blocks === true)
  const json = {
    usage: usage.map((item) => ({
      ...item,
      owner: item.owner ?? null,
      total: count(item.total),
      inUse: count(item.inUse),
      reserved: count(item.reserved),
      free: count(item.free),
    })),
    ...(options.borrowed === true ? { borrowed: report.borrowed } : {}),
  }
  io.write(
    render(json, options, io, (style) => {
      const pools = table<Usage>(
        usage,
        [
          { heading: 'GROUPING', value: (item) => item.grouping },
          { heading: 'CIDR', value: (item) => item.cidr },
          { heading: 'OWNER', value: (item) => item.owner, wide: options.blocks !== true },
          { heading: 'IPS TOTAL', value: (item) => item.total.toString() },
          { heading: 'IPS IN USE', value: (item) => share(item.inUse, item.total) },
          { heading: 'IPS RESERVED', value: (item) => share(item.reserved, item.total) },
          { heading: 'IPS FREE', value: (item) => share(item.free, item.total) },
        ],
        style,
      )
      if (options.borrowed !== true) return pools
      const borrowed = table(
        report.borrowed,
        [
          { heading: 'IP', value: (item) => item.address },
          { heading: 'BORROWING-NODE', value: (item) => item.borrower },
          { heading: 'BLOCK', value: (item) => item.block },
          { heading: 'BLOCK OWNER', value: (item) => item.owner },
          { heading: 'ALLOCATED-TO', value: (item) => item.handle },
        ],
        style,
      )
      return `${pools}\n${report.borrowed.length === 0 ? 'Nothing is borrowed.\n' : borrowed}`
    }),
  )
}

async function check(options: IpamOptions, io: Io): Promise<void> {
  const faults = await withIpam(options, io, checkIpam)
  io.write(
    render(faults, options, io, ({ paint }) =>
      faults.length === 0
        ? 'The books agree.\n'
        : faults.map(({ key, problem }) => `${harmless(key)}: ${paint(harmless(problem), 'red')}\n`).join(''),
    ),
  )
  if (faults.length > 0) throw verdict(EXIT.unhealthy)
}

interface ClaimOptions extends IpamOptions {
  readonly node: string
  readonly family: 'ipv4' | 'ipv6'
  readonly pool?: string
  readonly hold?: boolean
}

async function claim(options: ClaimOptions, io: Io): Promise<void> {
  const { node, family, pool, hold } = options
  const request = { node, family, ...(pool === undefined ? {} : { pools: [pool] }) }
  const cidr = await withIpam(options, io, async (context) => {
    // A block for a node that is still to come is no mistake; one for a name mistyped is lost until somebody looks.
    if ((await context.datastore.get(resourceKey('Node', node))) === undefined)
      io.error(harmless(`warning: there is no Node ${node} (yet)\n`))
    const block = hold === true ? await ensureNodeBlock(context, request) : await claimBlock(context, request)
    return block.cidr
  })
  io.write(render({ cidr, node }, options, io, () => `${cidr} belongs to ${node}\n`))
}

interface ReleaseOptions extends IpamOptions {
  readonly node?: string
  readonly handle?: boolean
  readonly force?: boolean
}

async function release(what: string, options: ReleaseOptions, io: Io): Promise<void> {
  const released = await withIpam(options, io, async (context) => {
    if (options.handle === true) return releaseByHandle(context, what)
    if (!what.includes('/')) return (await releaseAddress(context, what)) ? [what] : []
    const cidr = Prefix.parse(what)?.toString()
    if (cidr === undefined || options.node === undefined) throw usage('a block is released with its CIDR and --node')
    if (options.force === true) await releaseNodeBlock(context, options.node, cidr)
    else await releaseAffinity(context, options.node, cidr, { mustBeEmpty: true })
    return [cidr]
  })
  io.write(
    render({ released }, options, io, () =>
      released.length === 0 ? 'Nothing was in use.\n' : released.map((item) => `${item} released\n`).join(''),
    ),
  )
}
