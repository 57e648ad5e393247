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
  bfdPeers,
  ClusterFollower,
  type Daemon,
  FileProblemList,
  identityOf,
  logNotice,
  now,
  openDatastore,
  RunningDaemon,
  type SpeakerViews,
  setLogLevel,
  speakerViews,
  VERSION,
} from '@starling/daemon'
import type { Datastore } from '@starling/datastore'
import type { EngineConfig } from '@starling/engine'
import type { Plan } from '@starling/intent'
import { type BfdPeers, Speaker } from '@starling/speaker'
import type { ListenAddress, ReflectorOptions } from './options.js'
import { standaloneConfig } from './standalone.js'

export class Reflector implements Daemon {
  readonly #options: ReflectorOptions
  readonly #log: Logger
  readonly #events = new EventLog()
  readonly #fileProblems = new FileProblemList(this.#events)
  readonly #loop = monitorLoopDelay()
  readonly #startedAt = now()
  #config: EngineConfig | undefined
  #listen: readonly ListenAddress[] = []
  #datastore: Datastore | undefined
  #cluster: ClusterFollower | undefined
  #speaker: Speaker | undefined
  #views: SpeakerViews | undefined
  #api: Api | undefined
  #generation = 0
  #configuredAt = 0

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#log = createLogger({ level: options.logLevel, name: `reflector ${options.name}`, pretty: options.logPretty })
    logEvents(this.#log, this.#events)
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
        graceful: this.#views?.recovery() ?? { recovering: false, waitingFor: [] },
        started: this.#speaker !== undefined,
        requiredPeers: [],
        excusedPeers: [],
      }),
      speaker: () => this.#views,
      ...(this.#cluster === undefined ? {} : { cluster: this.#cluster }),
      datastore: this.#datastore?.description ?? 'none',
      fileProblems: this.#fileProblems,
      node: name,
      setLogLevel: (level) => setLogLevel(this.#log, level),
    })
    this.#api = await startApi({
      ports,
      logger: this.#log,
      ...apiSettings(this.#options),
    })
    this.#events.push(now(), { type: 'started', version: VERSION })
    if (mode.kind === 'standalone') await this.#apply(standaloneConfig(mode.options), mode.options.listen)
    else this.#cluster?.start()
  }

  async stop(reason: string): Promise<void> {
    this.#events.push(now(), { type: 'stopping', reason })
    this.#cluster?.stop()
    await this.#speaker?.stop({ mode: this.#speaker.drainStage === 'none' ? 'restart' : 'shutdown', reason })
    await this.#api?.close()
    await this.#datastore?.close()
    this.#loop.close()
  }

  #follow(datastore: Datastore): ClusterFollower {
    const { name, routerId } = this.#options
    return new ClusterFollower({
      datastore,
      node: name,
      followBlocks: false,
      planOptions: () => ({ role: 'reflector', ...(routerId === undefined ? {} : { routerId }) }),
      planned: (plan) => {
        this.#planned(plan).catch((error: unknown) =>
          this.#log.error({ code: 'CONFIGURE_FAILED', err: error }, String(error)),
        )
      },
      status: (status, detail) => this.#events.push(now(), { type: 'datastore-status', status, detail }),
      failed: (error) => this.#log.error({ code: 'PLAN_FAILED', err: error }, `planning failed: ${error.message}`),
    })
  }

  #planned(plan: Plan): Promise<void> {
    const { engine, listen } = plan
    const { mode } = this.#options
    const port = (mode.kind === 'datastore' ? mode.listenPort : undefined) ?? listen.port
    const addresses = [listen.ipv4, listen.ipv6].filter((address) => address !== undefined)
    return this.#apply(
      engine,
      addresses.map((address) => ({ address, port })),
      bfdPeers(plan),
    )
  }

  async #apply(config: EngineConfig, listen: readonly ListenAddress[], bfd: BfdPeers = new Map()): Promise<void> {
    this.#config = config
    this.#listen = listen
    this.#configuredAt = now()
    const generation = ++this.#generation
    if (this.#speaker !== undefined) {
      const { added, changed, removed } = await this.#speaker.configure(config, listen, bfd)
      const counts = { added: added.length, changed: changed.length, removed: removed.length }
      this.#events.push(now(), { type: 'config-applied', generation, ...counts })
      return
    }
    this.#speaker = new Speaker({
      config,
      listen,
      bfd,
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
      notice: (notice) => logNotice(this.#log, notice),
    })
    this.#views = speakerViews(this.#speaker)
    await this.#speaker.start()
  }

  #identity(): Identity {
    return identityOf({
      role: 'reflector',
      name: this.#options.name,
      config: this.#config,
      plan: this.#cluster?.plan,
      listen: this.#listen,
      startedAt: this.#startedAt,
      configuredAt: this.#configuredAt,
      configGeneration: this.#generation,
    })
  }
}
