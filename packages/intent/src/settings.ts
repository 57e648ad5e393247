/**
 * BGPConfiguration as it holds for one node: `default`, overridden by `node.<name>` where that is honoured (calico.md 1.4),
 * with the built-in defaults filled in.
 */
import type { Why } from '@starling/engine'
import { type Cidr, type ProgramClusterRoutes, parseCommunity, type ResourceOf } from '@starling/resources'
import type { ClusterState } from './state.js'
import type { PlannedCommunities, PlanProblem } from './types.js'

export const DEFAULT_AS = 64512
export const DEFAULT_PRIORITY = 1024
const PROGRAM_VALUES: readonly string[] = ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly']

type Spec = ResourceOf<'BGPConfiguration'>['spec']

export interface Settings {
  readonly global: Spec | undefined
  readonly node: Spec | undefined
  readonly nodeConfiguration: string
  readonly mesh: boolean
  readonly globalAs: number
  readonly globalAsWhy: Why
  readonly listenPort: number | undefined
  readonly globalListenPort: number | undefined
  /** Of every node that chose one for itself. */
  readonly nodeListenPorts: ReadonlyMap<string, number>
  readonly bindMode: 'None' | 'NodeIP'
  readonly normalPriority: { readonly ipv4: number; readonly ipv6: number }
  readonly programClusterRoutes: ProgramClusterRoutes
  /** Felix says by a better metric that a workload is moving here, since v3.32; before, its routes had no metric at all. */
  readonly liveMigration: boolean
  readonly logLevel: PlannedLogLevel
  readonly ignoredInterfaces: readonly string[]
  readonly communities: readonly PlannedCommunities[]
}

/** The listen port another node chose for itself, else the global one; undefined when neither says any. */
export function listenPortOf({ nodeListenPorts, globalListenPort }: Settings, node: string): number | undefined {
  return nodeListenPorts.size === 0 ? globalListenPort : (nodeListenPorts.get(node) ?? globalListenPort)
}

function listenPorts(state: ClusterState): ReadonlyMap<string, number> {
  const ports = new Map<string, number>()
  for (const { metadata, spec } of state.all('BGPConfiguration'))
    if (metadata.name.startsWith('node.') && spec.listenPort !== undefined)
      ports.set(metadata.name.slice('node.'.length), spec.listenPort)
  return ports
}

/** How much a daemon logs, in the words of our own logs. */
export type PlannedLogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

const LOG_LEVELS: ReadonlyMap<string, PlannedLogLevel> = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
])

/** `logSeverityScreen` in our words; undefined for what is none of Calico's (calico.md 1.4). */
export const logLevelOf = (severity: string): PlannedLogLevel | undefined => LOG_LEVELS.get(severity.toLowerCase())

export function settingsFor(state: ClusterState, name: string, problems: PlanProblem[]): Settings {
  const settings = readSettings(state, name, problems)
  if (isLocked(state)) problems.push(LOCKED)
  checkFelix(state, name, settings.programClusterRoutes, problems)
  return settings
}

function readSettings(state: ClusterState, name: string, problems: PlanProblem[]): Settings {
  const global = state.named('BGPConfiguration', 'default')?.spec
  const node = state.named('BGPConfiguration', `node.${name}`)?.spec
  const nodeConfiguration = `BGPConfiguration/node.${name}`
  // Up to v3.31 a node chose these for itself (calico.md 1.4).
  const own = olderThan(state, 32) ? node : undefined
  for (const field of ['bindMode', 'ignoredInterfaces'] as const)
    if (node?.[field] !== undefined && own === undefined) {
      const message = "is only honoured in 'default' since v3.32"
      problems.push({ severity: 'warning', resource: nodeConfiguration, field: `spec.${field}`, message })
    }
  const program = global?.programClusterRoutes
  const severity = node?.logSeverityScreen ?? global?.logSeverityScreen ?? 'Info'
  return {
    global,
    node,
    nodeConfiguration,
    mesh: global?.nodeToNodeMeshEnabled ?? true,
    globalAs: global?.asNumber || DEFAULT_AS,
    globalAsWhy: !global?.asNumber
      ? { resource: 'built-in', rule: `AS ${DEFAULT_AS} unless BGPConfiguration/default says otherwise` }
      : { resource: 'BGPConfiguration/default', field: 'spec.asNumber', rule: 'global AS' },
    listenPort: node?.listenPort ?? global?.listenPort,
    globalListenPort: global?.listenPort,
    nodeListenPorts: listenPorts(state),
    bindMode: own?.bindMode ?? global?.bindMode ?? 'None',
    normalPriority: {
      ipv4: global?.ipv4NormalRoutePriority ?? DEFAULT_PRIORITY,
      ipv6: global?.ipv6NormalRoutePriority ?? DEFAULT_PRIORITY,
    },
    programClusterRoutes:
      program !== undefined && PROGRAM_VALUES.includes(program)
        ? (program as ProgramClusterRoutes)
        : defaultProgramClusterRoutes(state),
    liveMigration: !olderThan(state, 32),
    logLevel: logLevelOf(severity) ?? 'info',
    ignoredInterfaces: [...(own?.ignoredInterfaces ?? global?.ignoredInterfaces ?? []), 'cali*', 'kube-ipvs*'],
    communities: communitiesOf(global, node, nodeConfiguration, problems),
  }
}

/**
 * v3.33 gave the IPIP routes to Felix; before, BGP had them all (calico.md 2.12, 4.1). On an older cluster the new
 * default would leave IPIP pools without any routes, so the version the cluster says it has decides.
 */
function defaultProgramClusterRoutes(state: ClusterState): ProgramClusterRoutes {
  return olderThan(state, 33) ? 'Enabled' : 'EnabledNoEncapOnly'
}

/** Whether the cluster says it runs a release before v3.`minor`; one that says nothing is new. */
function olderThan(state: ClusterState, minor: number): boolean {
  const version = state.named('ClusterInformation', 'default')?.spec.calicoVersion
  const [, major, theirs] = /^v?(\d+)\.(\d+)/.exec(version ?? '') ?? []
  return major !== undefined && (Number(major) < 3 || (Number(major) === 3 && Number(theirs) < minor))
}

/** Calico's tools lock the datastore while it is moved elsewhere: components pause until it is ready again (calico.md 1.13). */
export function isLocked(state: ClusterState): boolean {
  return state.named('ClusterInformation', 'default')?.spec.datastoreReady === false
}

/** What everybody is told while {@link isLocked}. */
export const LOCKED: PlanProblem = {
  severity: 'warning',
  resource: 'ClusterInformation/default',
  field: 'spec.datastoreReady',
  message: 'is false, the datastore is locked: a running daemon keeps the plan it has until it is true again',
}

/** Felix and BGP must share the routes out between them; nothing else checks it (calico.md 4.1). */
function checkFelix(state: ClusterState, node: string, value: ProgramClusterRoutes, problems: PlanProblem[]): void {
  const own = state.named('FelixConfiguration', `node.${node}`)?.spec.programClusterRoutes
  const felix = own ?? state.named('FelixConfiguration', 'default')?.spec.programClusterRoutes
  if (felix === undefined || !PROGRAM_VALUES.includes(felix)) return
  const theirs = ownsRoutes(felix as ProgramClusterRoutes)
  const ours = ownsRoutes(value)
  const wrong = (['ipip', 'noEncap'] as const).flatMap((kind) => {
    const what = kind === 'ipip' ? 'IPIP' : 'unencapsulated'
    if (theirs[kind] !== ours[kind]) return []
    return [`${theirs[kind] ? 'both Felix and BGP program' : 'neither Felix nor BGP programs'} ${what} routes`]
  })
  if (wrong.length === 0) return
  const resource = `FelixConfiguration/${own === undefined ? 'default' : `node.${node}`}`
  const message = `${felix} beside ${value} in BGPConfiguration: ${wrong.join(', ')}`
  problems.push({ severity: 'warning', resource, field: 'spec.programClusterRoutes', message })
}

/** The node's own list replaces the global one; names are those of the same object (calico.md 2.8 step 6). */
function communitiesOf(
  global: Spec | undefined,
  node: Spec | undefined,
  nodeConfiguration: string,
  problems: PlanProblem[],
): readonly PlannedCommunities[] {
  const own = (node?.prefixAdvertisements?.length ?? 0) > 0
  const spec = own ? node : global
  const resource = own ? nodeConfiguration : 'BGPConfiguration/default'
  const named = new Map(spec?.communities.map(({ name, value }) => [name, value]))
  const planned: PlannedCommunities[] = []
  spec?.prefixAdvertisements?.forEach((advertisement: { cidr: Cidr; communities: string[] }, i) => {
    const field = `spec.prefixAdvertisements[${i}]`
    const values = new Set<string>()
    for (const text of advertisement.communities) {
      const value = named.get(text) ?? parseCommunity(text)?.text
      if (value !== undefined) values.add(value)
      else {
        const message = `'${text}' is no community and no name in spec.communities; left out`
        problems.push({ severity: 'warning', resource, field: `${field}.communities`, message })
      }
    }
    if (values.size === 0) return
    const why = { resource, field, rule: 'communities of prefixes inside the CIDR' }
    planned.push({ prefix: advertisement.cidr.network, communities: [...values].sort(), why })
  })
  return planned
}

/** calico.md 2.12: which cluster routes are BGP's to program. */
export function ownsRoutes(value: ProgramClusterRoutes): { readonly ipip: boolean; readonly noEncap: boolean } {
  return {
    ipip: value === 'Enabled' || value === 'EnabledIPIPOnly',
    noEncap: value === 'Enabled' || value === 'EnabledNoEncapOnly',
  }
}
