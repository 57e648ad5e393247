/**
 * `show groups | blocks | nodes | events` and the summary of a bare `show`, as tables.
 */

import { details, table } from '../../output/table.js'
import { age, type Colour, harmless, type Painter } from '../../output/text.js'
import type { BlockJson, EventJson, GroupJson, NodeJson } from './views.js'

type TableStyle = Parameters<typeof table>[2]

export function groupsTable(groups: readonly GroupJson[], style: TableStyle): string {
  if (groups.length === 0) return 'No update groups.\n'
  return table(
    groups,
    [
      { heading: 'GROUP', value: (group) => group.id },
      { heading: 'MEMBERS', value: (group) => group.members.length },
      { heading: 'PREFIXES', value: (group) => group.prefixes },
      { heading: 'LOG BYTES', value: (group) => group.logBytes },
      {
        heading: 'LAGGING',
        value: (group) => group.lagging.join(', '),
        colour: (group) => (group.lagging.length > 0 ? 'yellow' : undefined),
      },
      { heading: 'PEERS', value: (group) => group.members.join(', '), wide: true },
    ],
    style,
  )
}

export function blocksTable(blocks: readonly BlockJson[], style: TableStyle): string {
  if (blocks.length === 0) return 'No blocks.\n'
  return table(
    blocks,
    [
      { heading: 'BLOCK', value: (block) => block.cidr },
      { heading: 'NODE', value: (block) => block.node },
      {
        heading: 'AFFINITY',
        value: (block) => block.state,
        colour: (block) => (block.state === 'confirmed' ? undefined : 'yellow'),
      },
      { heading: 'POOL', value: (block) => block.pool },
      { heading: 'IN USE', value: (block) => block.allocated },
      { heading: 'OF', value: (block) => block.size },
      { heading: 'BORROWED', value: (block) => block.borrowed },
      { heading: 'ANNOUNCED HERE', value: (block) => (block.originated ? 'yes' : undefined) },
    ],
    style,
  )
}

export function nodesTable(nodes: readonly NodeJson[], style: TableStyle): string {
  if (nodes.length === 0) return 'No nodes.\n'
  return table(
    nodes,
    [
      { heading: 'NODE', value: (node) => (node.local ? `${node.name} (here)` : node.name) },
      { heading: 'IPV4', value: (node) => node.ipv4Address },
      { heading: 'IPV6', value: (node) => node.ipv6Address },
      // calicoctl's sign for a number that comes from the cluster default.
      { heading: 'AS', value: (node) => (node.asNumberInherited ? `(${node.asNumber})` : String(node.asNumber)) },
      { heading: 'REFLECTOR', value: (node) => node.routeReflectorClusterId },
      { heading: 'BLOCKS', value: (node) => node.blocks },
      { heading: 'SESSIONS', value: (node) => node.peers.length },
      {
        heading: 'LABELS',
        value: (node) =>
          Object.entries(node.labels)
            .map(([name, value]) => `${name}=${value}`)
            .join(','),
        wide: true,
      },
    ],
    style,
  )
}

const LEVELS: Readonly<Record<string, Colour | undefined>> = { error: 'red', warn: 'yellow', debug: 'grey' }

export function eventLine(event: EventJson, paint: Painter): string {
  const colour = LEVELS[event.level]
  const text = `${event.code.padEnd(22)} ${harmless(event.message)}`
  return `${event.at}  ${colour === undefined ? text : paint(text, colour)}\n`
}

export interface SummaryJson {
  readonly identity: {
    readonly role: string
    readonly name: string
    readonly version: string
    readonly asNumber: number
    readonly routerId: string
    readonly clusterId?: string
    readonly startedAt: string
    readonly configuredAt: string
    readonly configGeneration: number
  }
  readonly ready: { readonly ok: boolean; readonly policy: string; readonly reasons: readonly { message: string }[] }
  readonly live: { readonly ok: boolean }
  readonly gracefulRestart: { readonly recovering: boolean; readonly until?: string }
  readonly sessions: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly tables: readonly { family: string; prefixes: number; paths: number }[]
  readonly kernel: {
    readonly driver: string
    desired: number
    installed: number
    failed: number
    drifted: number
  } | null
  readonly datastore: {
    readonly description: string
    status: string
    detail: string
    age?: number
    problems: readonly unknown[]
  }
  readonly loopDelay: { readonly p99: number }
}

function sessionsText(sessions: SummaryJson['sessions']): string {
  const kinds = Object.entries(sessions)
  if (kinds.length === 0) return 'none configured'
  return kinds
    .map(([kind, states]) => {
      const all = Object.values(states).reduce((sum, count) => sum + count, 0)
      return `${kind} ${states['Established'] ?? 0} of ${all} Established`
    })
    .join(', ')
}

export function summaryText(summary: SummaryJson, paint: Painter): string {
  const { identity, ready, kernel, datastore } = summary
  const cluster = identity.clusterId === undefined ? '' : `, cluster ${identity.clusterId}`
  const health = ready.ok ? 'ready' : `not ready: ${ready.reasons.map((reason) => reason.message).join('; ')}`
  const body = details([
    ['Speaker', `${identity.role} ${identity.name}, AS ${identity.asNumber}, router ID ${identity.routerId}${cluster}`],
    ['Version', `${identity.version}, started ${identity.startedAt}`],
    ['Health', health],
    [
      'Graceful restart',
      summary.gracefulRestart.recovering ? `recovering until ${summary.gracefulRestart.until}` : undefined,
    ],
    ['Sessions', sessionsText(summary.sessions)],
    ['Routes', summary.tables.map((t) => `${t.family} ${t.prefixes} prefixes, ${t.paths} paths`).join('; ')],
    [
      'Kernel',
      kernel === null
        ? undefined
        : `${kernel.installed} of ${kernel.desired} installed, ${kernel.failed} failed, ${kernel.drifted} drifted (${kernel.driver})`,
    ],
    [
      'Datastore',
      [`${datastore.description}: ${datastore.status} (${age(datastore.age)})`, datastore.detail]
        .filter(Boolean)
        .join(', '),
    ],
    ['Refused keys', datastore.problems.length > 0 ? datastore.problems.length : undefined],
    [
      'Configuration',
      identity.configGeneration === 0
        ? 'none yet'
        : `generation ${identity.configGeneration}, applied ${identity.configuredAt}`,
    ],
    ['Event loop', `p99 delay ${summary.loopDelay.p99.toFixed(1)} ms`],
  ])
  return ready.ok ? body : paint(body, 'yellow')
}
