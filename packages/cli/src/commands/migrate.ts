/**
 * `starling migrate mesh-to-reflectors`: from node mesh to reflectors and back without a lost packet. The steps are
 * `migrate/forward.ts` and `migrate/back.ts`; who says what about sessions is `migrate/look.ts`.
 */
import { parseSelector, selectorFault } from '@starling/resources'
import { type Command, InvalidArgumentError } from 'commander'
import { usage } from '../exit.js'
import type { Io } from '../io.js'
import { planBack } from '../migrate/back.js'
import { type Cluster, clusterOf, type Member } from '../migrate/cluster.js'
import { planForward } from '../migrate/forward.js'
import { Looker } from '../migrate/look.js'
import { refuse, runMigration } from '../migrate/run.js'
import type { Migration } from '../migrate/steps.js'
import { addOutput, clientFor, port, repeated, seconds } from '../options.js'
import { type OutputOptions, render, type Style } from '../output/print.js'
import { addDatastore } from './daemon-options.js'
import { readEntries, withDatastore } from './datastore-reader.js'

interface MigrateOptions extends OutputOptions {
  readonly datastore?: string
  readonly reflector?: readonly string[]
  readonly selector?: string
  readonly label: { readonly key: string; readonly value: string }
  readonly back?: boolean
  readonly dryRun?: boolean
  readonly assume?: readonly string[]
  readonly acceptGap?: boolean
  readonly nodesPort: number
  readonly ask?: readonly (readonly [string, string])[]
  readonly nodeStatus: boolean
  readonly timeout: number
  readonly settle: number
  readonly token?: string
  readonly cacert?: string
}

const PAUSE_MS = 1000
/** Nodes with BIRD have no API, and a firewall may let us wait for that. */
const ANSWER_MS = 3000
const API_PORT = 9179

export function register(program: Command, io: Io): void {
  const migrate = program
    .command('migrate')
    .description('move a running cluster: from node mesh to route reflectors, and back')
  const command = migrate
    .command('mesh-to-reflectors')
    .description('from node mesh to route reflectors, step by step; safe to interrupt and to run again')
  addOutput(addDatastore(command))
    .option('--reflector <node>', 'this node becomes a reflector (repeatable)', repeated(String))
    .option('--selector <selector>', 'so does every node with these labels', selector)
    .option('--label <key=value>', 'the label that BGPPeers find reflectors by', label, {
      key: 'route-reflector',
      value: 'true',
    })
    .option('--back', 'return to the mesh: undoes what this command did, in the opposite order')
    .option('--dry-run', 'say what would be done')
    .option(
      '--assume <node>',
      'take it that this node has its sessions, whatever is known of it (repeatable)',
      repeated(String),
    )
    .option('--accept-gap', 'go on where the pods of a reflector may be unreachable for some seconds')
    .option('--nodes-port <port>', "port of the nodes' API", port, API_PORT)
    .option('--ask <node=where>', "one node's API: a URL or the path of its socket (repeatable)", repeated(place))
    .option('--no-node-status', 'do not ask through CalicoNodeStatus objects where no API answers')
    .option('--timeout <seconds>', 'how long a step may wait for sessions', seconds, 300)
    .option('--settle <seconds>', 'how long all must be well before the mesh goes', seconds, 10)
    .option('--cacert <file>', 'with an https URL: trust what this authority signed (PEM)')
    .action(async (options: MigrateOptions) => run(options, io))
}

function selector(text: string): string {
  const fault = selectorFault(text)
  if (fault !== undefined) throw new InvalidArgumentError(fault)
  parseSelector(text)
  return text
}

function label(text: string): MigrateOptions['label'] {
  const [, key, value] = /^([\w./-]+)=([\w.-]+)$/.exec(text) ?? []
  if (key === undefined || value === undefined) throw new InvalidArgumentError('Write KEY=VALUE.')
  return { key, value }
}

function place(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('Write NODE=URL or NODE=/PATH/OF/SOCKET.')
  return [text.slice(0, at), text.slice(at + 1)]
}

async function run(options: MigrateOptions, io: Io): Promise<void> {
  const { back, reflector = [], selector, label } = options
  if (back === true && (reflector.length > 0 || selector !== undefined))
    throw usage('--back undoes what was done; it takes no reflectors')
  const plan = (cluster: Cluster): Migration =>
    back === true
      ? planBack(cluster)
      : planForward(cluster, { reflectors: reflector, label, ...(selector === undefined ? {} : { selector }) })
  await withDatastore(options.datastore, io, async (datastore) => {
    if (options.dryRun === true) {
      const migration = plan(clusterOf((await readEntries(datastore)).entries))
      io.write(render(forPrograms(migration), options, io, (style) => planText(migration, style)))
      return refuse(migration)
    }
    const first = plan(clusterOf((await readEntries(datastore)).entries))
    for (const warning of first.warnings) io.error(`warning: ${warning}\n`)
    const looker = new Looker({ datastore, nodeStatus: options.nodeStatus, clientFor: clients(options, io) })
    const stop = new AbortController()
    const interrupt = (): void => stop.abort()
    process.once('SIGINT', interrupt)
    try {
      await runMigration({
        datastore,
        plan,
        eyes: looker,
        assumed: new Set(options.assume),
        acceptGap: options.acceptGap === true,
        patience: options.timeout * 1000,
        settle: options.settle * 1000,
        pause: PAUSE_MS,
        signal: AbortSignal.any([stop.signal, io.signal]),
        say: speaker(io),
      })
    } finally {
      process.off('SIGINT', interrupt)
      await looker.close()
    }
  })
}

function clients({ ask = [], nodesPort, cacert }: MigrateOptions, io: Io) {
  const given = new Map(ask)
  const env = { ...io, env: { ...io.env, STARLING_URL: undefined, STARLING_CONTROL: undefined } }
  return ({ name, addresses: [address] }: Member) => {
    const where =
      given.get(name) ??
      (address?.includes(':') ? `http://[${address}]:${nodesPort}` : `http://${address}:${nodesPort}`)
    const target = where.startsWith('/') ? { control: where } : { url: where }
    return clientFor({ ...target, ...(cacert === undefined ? {} : { cacert }) }, env, ANSWER_MS)
  }
}

/** On a terminal a passing line gives way to the next one; elsewhere it is written when it differs. */
function speaker(io: Io): (line: string, passing?: boolean) => void {
  let last = ''
  return (line, passing = false) => {
    if (io.terminal) io.write(`\r\x1b[K${passing ? line.slice(0, io.columns - 1) : `${line}\n`}`)
    else if (line !== last && !(passing && line.includes(' well for '))) io.write(`${line}\n`)
    last = line
  }
}

function forPrograms({ direction, reflectors, clients, refusals, warnings, steps }: Migration) {
  return {
    direction,
    reflectors: reflectors.map(({ name }) => name),
    clients: clients.map(({ name }) => name),
    refusals,
    warnings,
    steps: steps.map(({ id, title, writes, before }) => ({
      id,
      title,
      waits: before === undefined ? '' : waits(before),
      writes: writes.map(({ resource, change }) => ({ resource, change })),
    })),
  }
}

const waits = (demand: NonNullable<Migration['steps'][number]['before']>): string =>
  'mesh' in demand
    ? `until all ${demand.mesh.length} nodes of the mesh are Established with each other`
    : `until ${demand.clients.length} nodes have ${demand.least} of ${demand.with.map(({ name }) => name).join(', ')} Established`

const counted = (items: readonly { readonly name: string }[], what: string): string =>
  `${items.length} ${what}${items.length === 1 ? '' : 's'}`

function planText({ reflectors, clients, refusals, warnings, steps }: Migration, { paint }: Style): string {
  const names = reflectors.length === 0 ? '' : ` (${reflectors.map(({ name }) => name).join(', ')})`
  const lines = [
    `${counted(reflectors, 'reflector')}${names}, ${counted(clients, 'other node')}`,
    ...warnings.map((warning) => paint(`warning: ${warning}`, 'yellow')),
    ...(steps.length === 0 && refusals.length === 0 ? ['nothing is left to do'] : []),
    ...steps.flatMap(({ title, writes, before, gap }, at) => [
      paint(`${at + 1}. ${title}`, 'bold'),
      ...(before === undefined ? [] : [`   waits ${waits(before)}`]),
      ...(gap === undefined ? [] : [`   needs Starling on every node, or --accept-gap: ${gap.name} owns blocks`]),
      ...writes.map(({ resource, change }) => `   writes ${resource}: ${change}`),
    ]),
  ]
  return `${lines.join('\n')}\n`
}
