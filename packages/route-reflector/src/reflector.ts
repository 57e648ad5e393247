/**
 * The reflector: speaker and API, and the cluster's own state where there is a datastore. No kernel, no NET_ADMIN.
 */
import {
  type Api,
  createLogger,
  EventLog,
  type Identity,
  type Logger,
  logEvents,
  monitorLoopDelay,
  startApi,
} from '@starling/api'
import {
  apiSettings,
  Bgp,
  type BgpOptions,
  ClusterFollower,
  type Daemon,
  FileProblemList,
  identityOf,
  LogLevelControl,
  logLevelAtStart,
  now,
  openDatastore,
  RunningDaemon,
  VERSION,
} from '@starling/daemon'
import type { Datastore } from '@starling/datastore'
import type { ReflectorOptions } from './options.js'
import { standaloneConfig } from './standalone.js'

export class Reflector implements Daemon {
  readonly #options: ReflectorOptions
  readonly #log: Logger
  readonly #logLevel: LogLevelControl
  readonly #events = new EventLog()
  readonly #fileProblems = new FileProblemList(this.#events)
  readonly #loop = monitorLoopDelay()
  readonly #startedAt = now()
  readonly #bgp: Bgp
  #datastore: Datastore | undefined
  #cluster: ClusterFollower | undefined
  #api: Api | undefined

  constructor(options: ReflectorOptions) {
    this.#options = options
    const level = logLevelAtStart(options.logLevel, options.environment)
    this.#log = createLogger({ level: level ?? 'info', name: `reflector ${options.name}`, pretty: options.logPretty })
    this.#logLevel = new LogLevelControl(this.#log, level)
    logEvents(this.#log, this.#events)
    this.#bgp = new Bgp({
      log: this.#log,
      events: this.#events,
      begin: () => this.#begin(),
      started: () => this.#loop.reset(),
    })
  }

  async start(): Promise<void> {
    const { mode, name, environment } = this.#options
    if (mode.kind === 'datastore') {
      this.#datastore = await openDatastore(mode.spec, environment, this.#fileProblems.set)
      this.#cluster = this.#follow(this.#datastore)
    }
    const ports = new RunningDaemon({
      events: this.#events,
      loop: this.#loop,
      identity: () => this.#identity(),
      health: () => ({
        graceful: this.#bgp.recovery(),
        started: this.#bgp.speaker !== undefined,
        requiredPeers: [],
        excusedPeers: [],
      }),
      speaker: () => this.#bgp.views,
      ...(this.#cluster === undefined ? {} : { cluster: this.#cluster }),
      datastore: this.#datastore?.description ?? 'none',
      fileProblems: this.#fileProblems,
      node: name,
      ...(this.#options.nodesApi === undefined ? {} : { nodesApi: this.#options.nodesApi }),
      setLogLevel: (level) => this.#logLevel.set(level),
    })
    this.#api = await startApi({
      ports,
      logger: this.#log,
      ...apiSettings(this.#options),
    })
    this.#events.push(now(), { type: 'started', version: VERSION })
    if (mode.kind === 'standalone') {
      await this.#bgp.apply({ config: standaloneConfig(mode.options), listen: mode.options.listen })
    } else this.#cluster?.start()
  }

  async stop(reason: string): Promise<void> {
    this.#events.push(now(), { type: 'stopping', reason })
    this.#cluster?.stop()
    await this.#bgp.stop(reason)
    await this.#api?.close()
    await this.#datastore?.close()
    this.#loop.close()
  }

  #follow(datastore: Datastore): ClusterFollower {
    const { name, routerId, mode } = this.#options
    const listenPort = mode.kind === 'datastore' ? mode.listenPort : undefined
    return new ClusterFollower({
      datastore,
      node: name,
      followBlocks: false,
      planOptions: () => ({ role: 'reflector', ...(routerId === undefined ? {} : { routerId }) }),
      planned: (plan) => {
        this.#logLevel.planned(plan.logLevel)
        this.#bgp.reportProblems(plan.problems)
        this.#bgp.applyPlan(plan, listenPort)
      },
      status: (status, detail) => this.#events.push(now(), { type: 'datastore-status', status, detail }),
      failed: (error) => this.#log.error({ code: 'PLAN_FAILED', err: error }, `planning failed: ${error.message}`),
    })
  }

  #begin(): ReturnType<BgpOptions['begin']> {
    return {
      // A reflector cannot know whether it lived before. If it did, an End-of-RIB before its clients are back would make
      // each of them drop what it kept of the others (RFC 4724 section 4.1); if it did not, it waits for nobody long.
      restarting: true,
      warmUp: true,
      extras: {
        installs: false,
        installRoute: () => {},
        removeRoute: () => {},
        trackNextHop: () => {},
        untrackNextHop: () => {},
        event: (event) => this.#events.push(now(), event),
      },
    }
  }

  #identity(): Identity {
    return identityOf({
      role: 'reflector',
      name: this.#options.name,
      plan: this.#cluster?.plan,
      startedAt: this.#startedAt,
      ...this.#bgp.settings,
    })
  }
}
