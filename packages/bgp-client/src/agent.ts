/**
 * The node agent: datastore, plan, speaker, kernel and API wired together (the roads of ARCHITECTURE.md).
 *
 * Order of a start: API first (so that probes and `show` answer at once), then the kernel is read (what is there is
 * adopted), then the datastore; the first plan creates the speaker. Nothing is deleted from the kernel before the
 * datastore is in sync and peers have had their say (End-of-RIB, or the bounded deferral). A stop leaves every route.
 */
import {
  type Api,
  createLogger,
  EventLog,
  type HealthFacts,
  type Identity,
  type Logger,
  logEvents,
  monitorLoopDelay,
  startApi,
} from '@starling/api'
import {
  apiSettings,
  BestPathEvents,
  Bgp,
  type BgpOptions,
  ClusterFollower,
  type Daemon,
  FileProblemList,
  identityOf,
  LogLevelControl,
  listenAddresses,
  logLevelAtStart,
  now,
  openDatastore,
  PortGate,
  RunningDaemon,
  VERSION,
} from '@starling/daemon'
import type { Datastore } from '@starling/datastore'
import type { EngineEvent } from '@starling/engine'
import type { Plan, PlanOptions } from '@starling/intent'
import { LinkWatch } from '@starling/speaker/links'
import { BlockKeeper } from './block-keeper.js'
import { SecretsFolder, WorkloadFolder } from './folders.js'
import { KernelBridge } from './kernel-bridge.js'
import { KernelLatency } from './kernel-latency.js'
import { type Fib, KernelSide, openFib } from './kernel-side.js'
import { LocalRoutes } from './local-routes.js'
import { NodeStatusReporter, type StatusPorts } from './node-status.js'
import type { NodeOptions } from './options.js'
import { workloadOptions } from './workloads.js'

/** How long the engine must have had nothing to do after a restart before unclaimed routes go. */
const SETTLE_MS = 500

export class NodeAgent implements Daemon {
  readonly #options: NodeOptions
  readonly #log: Logger
  readonly #logLevel: LogLevelControl
  readonly #events = new EventLog()
  readonly #bestPaths = new BestPathEvents(now, (at, event) => this.#events.push(at, event))
  readonly #fileProblems = new FileProblemList(this.#events)
  readonly #loop = monitorLoopDelay()
  readonly #startedAt = now()
  readonly #latency = new KernelLatency({ now, observed: (time) => this.#api?.metrics.observeKernelLatency(time) })
  readonly #kernel: KernelSide
  readonly #bridge: KernelBridge
  readonly #local: LocalRoutes
  readonly #bgp: Bgp
  readonly #gate: PortGate
  readonly #secrets: SecretsFolder | undefined
  readonly #workloads: WorkloadFolder | undefined
  #datastore: Datastore | undefined
  #cluster: ClusterFollower | undefined
  #blocks: BlockKeeper | undefined
  #status: NodeStatusReporter | undefined
  #api: Api | undefined
  #settling: NodeJS.Timeout | undefined

  static async create(options: NodeOptions): Promise<NodeAgent> {
    const warn = (text: string) => void process.stderr.write(`${text}\n`)
    return new NodeAgent(options, await openFib(options.fib, { name: options.name, warn }))
  }

  private constructor(options: NodeOptions, fib: Fib) {
    this.#options = options
    const level = logLevelAtStart(options.logLevel, options.environment)
    this.#log = createLogger({ level: level ?? 'info', name: `node ${options.name}`, pretty: options.logPretty })
    this.#logLevel = new LogLevelControl(this.#log, level)
    logEvents(this.#log, this.#events)
    this.#bgp = new Bgp({
      log: this.#log,
      events: this.#events,
      begin: () => this.#begin(),
      started: () => this.#loop.reset(),
    })
    this.#gate = new PortGate({
      held: ({ address, port }) =>
        this.#log.warn(
          { code: 'PORT_HELD', address, port },
          `another process accepts BGP at ${address} port ${port}: waiting`,
        ),
      free: () => this.#cluster?.replan(),
    })
    this.#kernel = new KernelSide(
      { ...fib, routes: this.#latency.listening(fib.routes) },
      { vxlan: options.programVxlan ?? false },
      {
        nextHopChanged: (address, reachable, metric, device) =>
          this.#bgp.speaker?.nextHopChanged(address, reachable, metric, device),
        observed: (routes) => this.#local.observe(routes),
        event: (event) => this.#events.push(now(), event),
        rested: () => this.#latency.rested(),
      },
    )
    this.#bridge = new KernelBridge(this.#kernel.programmer)
    this.#local = new LocalRoutes({
      setLocalRoute: (route) => this.#bgp.speaker?.setLocalRoute(route),
      removeLocalRoute: (source, prefix) => this.#bgp.speaker?.removeLocalRoute(source, prefix),
    })
    const folder = {
      changed: () => this.#cluster?.replan(),
      problem: (text: string) => this.#log.warn({ code: 'FOLDER_UNREADABLE' }, text),
    }
    const { secretsDir, endpointStatusPrefix } = options
    this.#secrets = secretsDir === undefined ? undefined : new SecretsFolder(secretsDir, folder)
    this.#workloads =
      endpointStatusPrefix === undefined
        ? undefined
        : new WorkloadFolder(`${endpointStatusPrefix}/endpoint-status`, folder)
  }

  async start(): Promise<void> {
    const { datastore, environment } = this.#options
    this.#datastore = await openDatastore(datastore, environment, this.#fileProblems.set)
    refuseToWrite(this.#options, this.#datastore)
    this.#cluster = this.#follow(this.#datastore)
    const ports = new RunningDaemon({
      events: this.#events,
      loop: this.#loop,
      identity: () => this.#identity(),
      health: () => this.#health(),
      speaker: () => this.#bgp.views,
      kernel: this.#kernel.views,
      cluster: this.#cluster,
      datastore: this.#datastore.description,
      fileProblems: this.#fileProblems,
      node: this.#options.name,
      ...(this.#options.nodesApi === undefined ? {} : { nodesApi: this.#options.nodesApi }),
      setLogLevel: (level) => this.#logLevel.set(level),
    })
    this.#api = await startApi({
      ports,
      logger: this.#log,
      ...apiSettings(this.#options),
    })
    this.#events.push(now(), { type: 'started', version: VERSION })
    await this.#kernel.start()
    await Promise.all([this.#secrets?.start(), this.#workloads?.start()])
    this.#cluster.start()
    this.#status = this.#reportStatus(this.#datastore, ports)
  }

  /** Only where asked: two reporters would take turns writing. */
  #reportStatus(datastore: Datastore, ports: StatusPorts): NodeStatusReporter | undefined {
    if (!this.#options.nodeStatus) return undefined
    const reporter = new NodeStatusReporter({
      datastore,
      node: this.#options.name,
      version: VERSION,
      ports,
      snapshot: () => (this.#cluster as ClusterFollower).snapshot,
      failed: (text) => this.#log.warn({ code: 'NODE_STATUS_FAILED' }, `CalicoNodeStatus not written: ${text}`),
    })
    reporter.start()
    return reporter
  }

  async stop(reason: string): Promise<void> {
    this.#events.push(now(), { type: 'stopping', reason })
    clearTimeout(this.#settling)
    this.#gate.close()
    this.#cluster?.stop()
    this.#blocks?.stop()
    this.#status?.stop()
    this.#secrets?.stop()
    this.#workloads?.stop()
    await this.#bgp.stop(reason)
    await this.#kernel.stop()
    await this.#api?.close()
    await this.#datastore?.close()
    this.#loop.close()
  }

  #follow(datastore: Datastore): ClusterFollower {
    const { name, claimBlock, cniConf } = this.#options
    if (claimBlock) {
      this.#blocks = new BlockKeeper({
        datastore,
        node: name,
        ...(cniConf === undefined ? {} : { cniConf }),
        claimed: (cidr) => this.#events.push(now(), { type: 'block-claimed', cidr, node: name }),
        failed: (text) => this.#log.warn({ code: 'BLOCK_CLAIM_FAILED' }, text),
      })
    }
    return new ClusterFollower({
      datastore,
      node: name,
      followBlocks: true,
      planOptions: () => this.#planOptions(),
      snapshot: (snapshot, changed) => this.#kernel.followed(snapshot, changed),
      planned: (plan) => this.#apply(plan),
      status: (status, detail) => this.#events.push(now(), { type: 'datastore-status', status, detail }),
      failed: (error) => this.#log.error({ code: 'PLAN_FAILED', err: error }, `planning failed: ${error.message}`),
    })
  }

  #planOptions(): PlanOptions {
    const { routerId, kubernetesNodeName, advertiseClusterIps, environment } = this.#options
    const namespace = environment['NAMESPACE']
    return {
      role: 'node',
      ...(routerId === undefined ? {} : { routerId }),
      ...(kubernetesNodeName === undefined ? {} : { kubernetesNodeName }),
      ...(advertiseClusterIps === undefined ? {} : { advertiseClusterIps }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(this.#secrets === undefined ? {} : { secrets: this.#secrets.value }),
      ...workloadOptions(this.#workloads?.value),
    }
  }

  /** The whole plan, each time; everybody behind it works out the difference. */
  #apply(plan: Plan): void {
    const state = this.#cluster?.state
    this.#logLevel.planned(plan.logLevel)
    this.#bgp.reportProblems([...plan.problems, ...(state === undefined ? [] : this.#kernel.planned(state, plan))])
    this.#bridge.setRules(plan.kernel)
    const first = this.#bgp.speaker === undefined
    const { listenPort } = this.#options
    if (first && !this.#gate.open(listenAddresses(plan, listenPort))) return
    this.#bgp.applyPlan(plan, listenPort)
    if (first) {
      // Kernel routes seen before there was a speaker.
      this.#local.replay()
      this.#kernel.begun()
    }
    this.#local.plan(plan.localRoutes)
    this.#blocks?.planned(plan)
  }

  #begin(): ReturnType<BgpOptions['begin']> {
    return {
      // What the kernel still holds of ours is proof that a former life forwarded (RFC 4724 section 4.1).
      restarting: this.#kernel.adopted > 0,
      links: (events) => new LinkWatch(events),
      extras: {
        installRoute: (view) => {
          this.#latency.asked(view, this.#bgp.speaker?.burstStart ?? now())
          this.#bridge.install(view)
          this.#bestPaths.installed(view)
        },
        removeRoute: (_family, address, length) => {
          this.#bridge.remove(address, length)
          this.#bestPaths.removed(address, length)
        },
        trackNextHop: (address) => this.#kernel.track(address),
        untrackNextHop: (address) => this.#kernel.untrack(address),
        event: (event) => this.#engineEvent(event),
      },
    }
  }

  #engineEvent(event: EngineEvent): void {
    this.#events.push(now(), event)
    if (event.type === 'graceful-restart' && event.phase === 'deferral-ended') this.#deleteOnceSettled()
  }

  /** Next hops of what was decided last are answered a turn later, and their routes are installed in the turn after that. */
  #deleteOnceSettled(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => {
      if (this.#bgp.speaker?.engine.pending === true) this.#deleteOnceSettled()
      else this.#kernel.programmer.allowDeletes()
    }, SETTLE_MS)
  }

  #identity(): Identity {
    return identityOf({
      role: 'node',
      name: this.#options.name,
      plan: this.#cluster?.plan,
      startedAt: this.#startedAt,
      ...this.#bgp.settings,
    })
  }

  #health(): HealthFacts {
    const { held } = this.#gate
    return {
      ...(held === undefined ? {} : { portHeld: `${held.address} port ${held.port}` }),
      graceful: this.#bgp.recovery(),
      started: this.#bgp.speaker !== undefined && this.#kernel.ready,
      requiredPeers: [],
      excusedPeers: [],
    }
  }
}

/** At the start, with what to do, and not in the log every two seconds. */
function refuseToWrite({ name, claimBlock, nodeStatus }: NodeOptions, { readOnly, description }: Datastore): void {
  if (readOnly !== true) return
  if (claimBlock)
    throw new Error(
      `--claim-block writes to the datastore, and ${description} is read-only: use etcd, or leave the option out and put a BlockAffinity document (spec.node: ${name}, spec.cidr, spec.state: confirmed) into the files`,
    )
  if (nodeStatus)
    throw new Error(
      `--node-status writes to the datastore, and ${description} is read-only: use etcd, or leave the option out`,
    )
}
