/**
 * `starling show ...`: the state of a running daemon, for people and for programs.
 */
import { type Command, Option } from 'commander'
import type { ApiClient } from '../../client/client.js'
import { CliError, usage } from '../../exit.js'
import type { Io } from '../../io.js'
import {
  addEventFilter,
  addOutput,
  addTarget,
  addWatch,
  clientFor,
  familyOption,
  PEER_KINDS,
  PEER_STATES,
  positiveInteger,
  type ShowOptions,
} from '../../options.js'
import { render, type Style } from '../../output/print.js'
import { repeat } from '../../watch.js'
import { type EventOptions, follow } from '../follow.js'
import { bfdTable, withBfd } from './bfd.js'
import { blocksTable, eventLine, groupsTable, nodesTable, type SummaryJson, summaryText } from './lists.js'
import { peerDetails, peersTable } from './peers.js'
import { kernelTable, routesTable } from './routes.js'
import { parseRouteWords, type RouteWords } from './routes-words.js'
import {
  type BlockJson,
  type EventJson,
  type GroupJson,
  type KernelJson,
  type KernelRouteJson,
  type NodeJson,
  type PeerJson,
  pages,
  type RouteJson,
} from './views.js'

interface Picture {
  readonly value: unknown
  readonly forPeople: (style: Style) => string
  /** There is more than was asked for. */
  readonly more?: boolean
}

type Ask = (client: ApiClient) => Promise<Picture>

async function show(options: ShowOptions, io: Io, ask: Ask): Promise<void> {
  const client = clientFor(options, io)
  await repeat(options.watch, io, async () => {
    const picture = await ask(client)
    if (picture.more === true) io.error('there is more; --limit N shows it\n')
    return render(picture.value, options, io, picture.forPeople)
  })
}

/** What a view takes is named: a word too many is a mistake, not a thing to pass over. */
const common = (command: Command): Command => addWatch(addOutput(addTarget(command.allowExcessArguments(false))))
const limited = (command: Command, standard: number): Command =>
  command.option('--limit <n>', 'at most so many', positiveInteger, standard)

interface Searched {
  readonly match?: string
  readonly sort?: string
}
/** The daemon looks through the whole list and orders it; we show what came. */
const searched = (command: Command): Command =>
  command
    .option('--match <words>', 'only rows in which all these words occur')
    .option('--sort <field>', 'by this field of the JSON; -FIELD: backwards (--sort=-received)')

export function register(program: Command, io: Io): void {
  const command = common(
    program.command('show').description('show the state of a running daemon').enablePositionalOptions(),
  )
  // Without this the parser would count arguments; a person wants to know what there is to show.
  command.allowExcessArguments().action(async (options: ShowOptions) => {
    const [word] = command.args
    if (word !== undefined) {
      throw usage(`nothing to show is called "${word}": ${command.commands.map((known) => known.name()).join(', ')}`)
    }
    await show(options, io, async (client) => {
      const summary = await client.get<SummaryJson>('/v1/summary')
      return { value: summary, forPeople: ({ paint }) => summaryText(summary, paint) }
    })
  })
  peers(command, io)
  routes(command, io)
  kernel(command, io)
  lists(command, io)
  events(command, io)
}

function peers(parent: Command, io: Io): void {
  const command = common(parent.command('peers [name]').alias('peer').description('peers, or one of them in full'))
    .addOption(new Option('--state <state>', 'only this state; down: not Established').choices(PEER_STATES))
    .addOption(new Option('--kind <kind>', 'only this kind').choices(PEER_KINDS))
  limited(searched(command), 100_000).action(
    async (
      name: string | undefined,
      options: ShowOptions & Searched & { state?: string; kind?: string; limit: number },
    ) => {
      await show(options, io, async (client) => {
        if (name !== undefined) {
          // A node with two families has two sessions, a BGPPeer one on each reflector: then all of them, in short.
          const { peers: found } = await client.get<{ peers: PeerJson[] }>('/v1/peers', { of: name })
          const [peer] = found
          if (peer !== undefined && found.length === 1) {
            return { value: peer, forPeople: (style) => peerDetails(peer, style) }
          }
          return { value: found, forPeople: (style) => peersTable(found, style) }
        }
        const { items, more } = await pages<PeerJson>(options.limit, async (limit, cursor) => {
          const { state, kind, match, sort = 'name' } = options
          const query = { state, kind, match, sort, limit, cursor }
          const page = await client.get<{ peers: PeerJson[]; next?: string }>('/v1/peers', query)
          return { items: page.peers, ...(page.next === undefined ? {} : { next: page.next }) }
        })
        return { value: items, more, forPeople: (style) => peersTable(items, style) }
      })
    },
  )
}

const matchQuery = ({ match }: RouteWords) => (match === undefined ? {} : { [match.kind]: match.prefix })

function routes(parent: Command, io: Io): void {
  const command = common(
    parent
      .command('routes [words...]')
      .alias('route')
      .description('routes: [PREFIX | for ADDRESS | in PREFIX] [all|received|filtered|accepted|exported] [PEER]'),
  ).addOption(familyOption())
  type Options = ShowOptions & Searched & { family?: string; limit: number }
  limited(searched(command), 1000).action(async (words: string[], options: Options) => {
    const asked = parseRouteWords(words)
    const view = asked.view === undefined && asked.peer !== undefined ? 'all' : asked.view
    await show(options, io, async (client) => {
      const { items, more } = await pages<RouteJson>(options.limit, async (limit, cursor) => {
        const { family, match, sort } = options
        const query = { ...matchQuery(asked), view, peer: asked.peer, family, match, sort, limit, cursor }
        const page = await client.get<{ routes: RouteJson[]; next?: string }>('/v1/routes', query)
        return { items: page.routes, ...(page.next === undefined ? {} : { next: page.next }) }
      })
      const none = items.length === 0 ? await whyNone(client) : ''
      return { value: items, more, forPeople: (style) => none || routesTable(items, style) }
    })
  })
}

/** Nothing is chosen before the peers of a restarted speaker have sent theirs (RFC 4724): the table looks lost. */
async function whyNone(client: ApiClient): Promise<string> {
  const { gracefulRestart } = await client.get<SummaryJson>('/v1/summary')
  if (!gracefulRestart.recovering) return 'No routes.\n'
  const until = gracefulRestart.until === undefined ? '' : `, ${gracefulRestart.until} at the latest`
  return `No routes are chosen yet: the restart ends when the peers have sent theirs${until} (starling health).\n`
}

function kernel(parent: Command, io: Io): void {
  const command = common(
    parent
      .command('kernel [words...]')
      .description('kernel routes, desired and actual: [PREFIX | for ADDRESS | in PREFIX]'),
  )
    .option('--state <state>', 'only this state (installed, pending, failed, ...; drift: all but installed)')
    .addOption(familyOption())
  limited(searched(command), 1000).action(
    async (words: string[], options: ShowOptions & Searched & { state?: string; family?: string; limit: number }) => {
      const asked = parseRouteWords(words)
      const other = asked.view ?? asked.peer
      if (other !== undefined) throw usage(`show kernel takes PREFIX, for ADDRESS or in PREFIX, not ${other}`)
      await show(options, io, async (client) => {
        let state: KernelJson | undefined
        const { items, more } = await pages<KernelRouteJson>(options.limit, async (limit, cursor) => {
          const { match, sort } = options
          const query = {
            ...matchQuery(asked),
            ...{ state: options.state, family: options.family, match, sort, limit, cursor },
          }
          const page = await client.get<{ kernel: KernelJson; routes: KernelRouteJson[]; next?: string }>(
            '/v1/kernel',
            query,
          )
          state = page.kernel
          return { items: page.routes, ...(page.next === undefined ? {} : { next: page.next }) }
        })
        return {
          value: { kernel: state, routes: items },
          more,
          forPeople: (style) => (state === undefined ? '' : kernelTable(state, items, style)),
        }
      })
    },
  )
}

function lists(parent: Command, io: Io): void {
  limited(common(parent.command('bfd').description('BFD sessions beside the peerings')), 100_000).action(
    async (options: ShowOptions & { limit: number }) => {
      await show(options, io, async (client) => {
        const { items, more } = await pages<PeerJson>(options.limit, async (limit, cursor) => {
          const page = await client.get<{ peers: PeerJson[]; next?: string }>('/v1/peers', { limit, cursor })
          return { items: page.peers, ...(page.next === undefined ? {} : { next: page.next }) }
        })
        const rows = withBfd(items)
        const value = rows.map(({ name, remoteAddress, bfd }) => ({ name, remoteAddress, ...bfd }))
        return { value, more, forPeople: (style) => bfdTable(rows, style) }
      })
    },
  )
  common(parent.command('groups').description('update groups: peers that share their bytes')).action(
    async (options: ShowOptions) => {
      await show(options, io, async (client) => {
        const { groups } = await client.get<{ groups: GroupJson[] }>('/v1/groups')
        return { value: groups, forPeople: (style) => groupsTable(groups, style) }
      })
    },
  )
  const blocks = common(parent.command('blocks').description('IPAM blocks and who owns them'))
    .option('--node <name>', 'only blocks of this node')
    .addOption(familyOption())
  limited(blocks, 100_000).action(async (options: ShowOptions & { node?: string; family?: string; limit: number }) => {
    await show(options, io, async (client) => {
      const { items, more } = await pages<BlockJson>(options.limit, async (limit, cursor) => {
        const query = { node: options.node, family: options.family, limit, cursor }
        const page = await client.get<{ blocks: BlockJson[]; next?: string }>('/v1/blocks', query)
        return { items: page.blocks, ...(page.next === undefined ? {} : { next: page.next }) }
      })
      return { value: items, more, forPeople: (style) => blocksTable(items, style) }
    })
  })
  const nodes = common(parent.command('nodes [name]').alias('node').description('nodes of the cluster'))
  type Options = ShowOptions & Searched & { limit: number }
  limited(searched(nodes), 100_000).action(async (name: string | undefined, options: Options) => {
    await show(options, io, async (client) => {
      const { items, more } = await pages<NodeJson>(options.limit, async (limit, cursor) => {
        const { match, sort } = options
        const query = { node: name, match, sort, limit, cursor }
        const page = await client.get<{ nodes: NodeJson[]; next?: string }>('/v1/nodes', query)
        return { items: page.nodes, ...(page.next === undefined ? {} : { next: page.next }) }
      })
      if (name !== undefined && items.length === 0) throw new CliError(`no node is called ${name}`)
      return { value: items, more, forPeople: (style) => nodesTable(items, style) }
    })
  })
}

function events(parent: Command, io: Io): void {
  const command = addEventFilter(common(parent.command('events').description('what happened lately'))).option(
    '-f, --follow',
    'go on as events happen',
  )
  limited(command, 200).action(async (options: EventOptions) => {
    if (options.follow === true) return follow(options, io)
    await show(options, io, async (client) => {
      const items = await newestEvents(client, options)
      return { value: items, forPeople: ({ paint }) => items.map((item) => eventLine(item, paint)).join('') }
    })
  })
}

/** The log is read forward; the newest `limit` of what matches are kept. */
async function newestEvents(client: ApiClient, options: EventOptions): Promise<EventJson[]> {
  const { level, match, peer, type } = options
  let kept: EventJson[] = []
  let after = 0
  for (;;) {
    const query = { after, limit: 1000, peer, type, level, match }
    const page = await client.get<{ events: EventJson[]; after: number; last: number }>('/v1/events', query)
    kept = [...kept, ...page.events].slice(-options.limit)
    if (page.after >= page.last || page.after <= after) return kept
    after = page.after
  }
}
