/**
 * The ports of a running daemon: its engine, its cluster state and, on a node, its kernel side, as the API asks for them.
 *
 * Parts may be absent while a daemon starts (no plan yet: no speaker) or by its nature (a reflector has no kernel; one
 * without a datastore has no cluster): the answers are empty then, never errors.
 */
import type {
  AdminAction,
  AdminResult,
  BfdSummary,
  BlockView,
  DaemonPorts,
  DatastoreStatus,
  EventLog,
  HealthFacts,
  Identity,
  InterfaceView,
  KernelPage,
  KernelQuery,
  KernelView,
  LoopDelay,
  LoopDelayMonitor,
  MemoryView,
  NodeView,
  RecordFrom,
  RecordListener,
  Survey,
  TableView,
} from '@starling/api'
import type {
  AdminAction as EngineAction,
  Explanation,
  GroupView,
  PeerKey,
  PeerView,
  RoutePage,
  RouteQuery,
} from '@starling/engine'
import { askNode, type NodesApi } from './ask-node.js'
import { now, toEpoch } from './clock.js'
import type { ClusterFollower } from './cluster.js'
import type { FileProblemList } from './file-problems.js'
import { ClusterSurvey } from './survey.js'
import { blockViews, nodeViews } from './views/cluster.js'
import { storedStatus } from './views/node-status.js'

/** What the ports ask of a speaker. */
export interface SpeakerViews {
  peers(): readonly PeerView[]
  routes(query: RouteQuery): RoutePage
  explain(prefix: string, to?: PeerKey): Explanation
  groups(): readonly GroupView[]
  tables(): readonly TableView[]
  memory(): {
    readonly prefixes: number
    readonly paths: number
    readonly attributeSets: number
    readonly bytes: number
  }
  admin(peer: PeerKey, action: EngineAction, options: { readonly reason?: string }): boolean
  recovery(): HealthFacts['graceful']
  bfd(): BfdSummary
  drainStage(): 'none' | 'leaving' | 'drained'
  /** Milliseconds between marking and withdrawing; the speaker's own default without. */
  drain(time?: number): Promise<void>
  undrain(): Promise<void>
  record(peer: PeerKey, listener: RecordListener, from: RecordFrom): (() => void) | undefined
}

export interface KernelViews {
  view(): KernelView
  routes(query: KernelQuery): KernelPage
  interfaces(): readonly InterfaceView[]
}

export interface DaemonParts {
  readonly events: EventLog
  readonly loop: LoopDelayMonitor
  identity(): Identity
  health(): HealthFacts
  speaker(): SpeakerViews | undefined
  readonly kernel?: KernelViews
  readonly cluster?: ClusterFollower
  /** Of the datastore, for people; `none` without one. */
  readonly datastore: string
  /** Bad edits of a file datastore. */
  readonly fileProblems?: FileProblemList
  readonly node: string
  readonly nodesApi?: NodesApi
  setLogLevel(level: string): boolean
}

const NO_ROUTES: RoutePage = { routes: [] }
/** The engine's word for a peer that reached a limit. */
const LIMITED = /^prefix limit reached/
const NO_KERNEL: KernelPage = { routes: [] }

export class RunningDaemon implements DaemonPorts {
  readonly now = now
  readonly toEpoch = toEpoch
  readonly #parts: DaemonParts
  readonly #survey: ClusterSurvey
  #drainReason = ''

  constructor(parts: DaemonParts) {
    this.#parts = parts
    const { cluster, node, nodesApi } = parts
    this.#survey = new ClusterSurvey({
      nodes: () =>
        (cluster?.state.nodes.all ?? []).map(({ name, ipv4, ipv6 }) => ({
          name,
          local: name === node,
          address: ipv4?.address ?? ipv6?.address,
        })),
      here: () => this.peers(),
      nodeAt: (address) => this.nodeAt(address),
      statusOf: (name) => (cluster === undefined ? undefined : storedStatus(cluster.snapshot, name, toEpoch)),
      now,
      ...(nodesApi === undefined ? {} : { ask: askNode(nodesApi) }),
    })
  }

  survey(): Promise<Survey> {
    return this.#survey.read()
  }

  get events(): EventLog {
    return this.#parts.events
  }

  identity(): Identity {
    return this.#parts.identity()
  }

  health(): HealthFacts {
    const facts = this.#parts.health()
    return this.#draining() ? { ...facts, draining: this.#drainReason } : facts
  }

  #draining(): boolean {
    return (this.#parts.speaker()?.drainStage() ?? 'none') !== 'none'
  }

  bfd(): BfdSummary | undefined {
    return this.#parts.speaker()?.bfd()
  }

  datastoreStatus(): DatastoreStatus {
    const { cluster, datastore, fileProblems } = this.#parts
    if (cluster === undefined) {
      const detail = 'runs without a datastore'
      const since = this.#parts.identity().startedAt
      return { description: datastore, status: 'in-sync', detail, since, revision: 0, keys: 0, problems: [] }
    }
    const { snapshot, state, sync } = cluster
    return {
      description: datastore,
      ...sync,
      revision: snapshot.revision,
      keys: snapshot.size,
      problems: [
        ...(fileProblems?.list ?? []),
        ...state.problems.map(({ key, field, message }) => ({
          key,
          problem: field === undefined ? message : `${field}: ${message}`,
        })),
      ],
    }
  }

  peers(): readonly PeerView[] {
    return this.#parts.speaker()?.peers() ?? []
  }

  tables(): readonly TableView[] {
    return this.#parts.speaker()?.tables() ?? []
  }

  routes(query: RouteQuery): RoutePage {
    return this.#parts.speaker()?.routes(query) ?? NO_ROUTES
  }

  explain(prefix: string, to?: PeerKey): Explanation | undefined {
    const explanation = this.#parts.speaker()?.explain(prefix, to)
    return explanation === undefined || explanation.paths.length === 0 ? undefined : explanation
  }

  kernel(): KernelView | undefined {
    return this.#parts.kernel?.view()
  }

  kernelRoutes(query: KernelQuery): KernelPage {
    return this.#parts.kernel?.routes(query) ?? NO_KERNEL
  }

  interfaces(): readonly InterfaceView[] {
    return this.#parts.kernel?.interfaces() ?? []
  }

  groups(): readonly GroupView[] {
    return this.#parts.speaker()?.groups() ?? []
  }

  blocks(): readonly BlockView[] {
    const { cluster } = this.#parts
    return cluster === undefined ? [] : blockViews(cluster.state, cluster.snapshot, cluster.plan)
  }

  nodes(): readonly NodeView[] {
    const { cluster, node } = this.#parts
    return cluster === undefined ? [] : nodeViews(cluster.state, cluster.plan, node, this.peers())
  }

  nodeAt(address: string): string | undefined {
    return this.#parts.cluster?.state.nodes.withAddress(address)?.name
  }

  memory(): MemoryView {
    const memory = this.#parts.speaker()?.memory()
    if (memory === undefined) return { structures: [] }
    const { prefixes, paths, attributeSets, bytes } = memory
    return {
      structures: [
        { name: 'prefixes', entries: prefixes, bytes: 0 },
        { name: 'paths', entries: paths, bytes: 0 },
        { name: 'attribute sets', entries: attributeSets, bytes: 0 },
        { name: 'tables', entries: 1, bytes },
      ],
    }
  }

  loopDelay(): LoopDelay {
    return this.#parts.loop.read()
  }

  record(peer: PeerKey, listener: RecordListener, from: RecordFrom): (() => void) | undefined {
    return this.#parts.speaker()?.record(peer, listener, from)
  }

  async admin(request: AdminAction): Promise<AdminResult> {
    const { speaker, cluster, events, setLogLevel } = this.#parts
    const done = (changed: boolean, detail: string): AdminResult => {
      events.push(now(), { type: 'admin', action: request.action, detail })
      return { ok: true, changed, detail }
    }
    switch (request.action) {
      case 'peer': {
        const { peer, operation, reason } = request
        const running = speaker()
        const find = () => running?.peers().find(({ key }) => key === peer)
        const before = find()
        if (running === undefined || before === undefined) {
          return { ok: false, code: 'not-found', detail: `no peer ${peer}` }
        }
        if (operation === 'restart' && !before.enabled) {
          const detail = `${before.name} is ${before.reason}; enable it to let it come up`
          return { ok: false, code: 'refused', detail }
        }
        const taken = running.admin(peer, operation, reason === undefined ? {} : { reason })
        if (!taken) {
          const detail = `${operation} is not possible for ${before.name} now: it is not Established`
          return { ok: false, code: 'refused', detail }
        }
        if (operation !== 'enable' && operation !== 'disable') return done(true, `${operation} ${before.name}`)
        const after = find()
        if (operation === 'enable' && after?.enabled === false) {
          return {
            ok: false,
            code: 'refused',
            detail: `${before.name} stays down by its configuration: ${after.reason}`,
          }
        }
        // An enabled peer may still have been held down by a prefix limit; that is over now.
        const changed = before.enabled !== after?.enabled || (operation === 'enable' && LIMITED.test(before.reason))
        return done(changed, `${before.name} is ${changed ? '' : 'already '}${operation}d`)
      }
      case 'log-level':
        return setLogLevel(request.level)
          ? done(true, `log level ${request.level}`)
          : { ok: false, code: 'refused', detail: `unknown log level ${request.level}` }
      case 'reload':
        cluster?.replan()
        return done(false, 'the configuration is always the newest')
      case 'drain':
        return this.#drain(request, done)
    }
  }

  /** Answers when the routes are withdrawn: what stops this node next (preStop) must not come sooner. */
  async #drain(
    { enabled, reason, timeout }: Extract<AdminAction, { action: 'drain' }>,
    done: (changed: boolean, detail: string) => AdminResult,
  ): Promise<AdminResult> {
    const running = this.#parts.speaker()
    if (running === undefined) return { ok: false, code: 'refused', detail: 'nothing is announced yet' }
    const was = this.#draining()
    if (!enabled) {
      await running.undrain()
      return done(was, 'everything is announced again')
    }
    this.#drainReason = reason ?? 'by an operator'
    const finished = running.drain(timeout === undefined ? undefined : timeout * 1000)
    await finished
    // Somebody may have taken it back meanwhile.
    return this.#draining()
      ? done(!was, 'drained: nothing is announced any more, the sessions stay up')
      : done(false, 'the drain was taken back')
  }
}
