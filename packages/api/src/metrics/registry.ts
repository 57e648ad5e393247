/**
 * The metrics of one daemon: prom-client's registry filled from the catalogue at every scrape.
 *
 * Scrapes that come together share one picture of the ports, so ten Prometheus servers cost as much as one.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type EventCode, eventCode } from '../events/catalogue.js'
import { liveness, type ReadinessPolicy, readiness } from '../health/rules.js'
import type { DaemonPorts, EventRecord } from '../ports.js'
import { Accumulators } from './accumulate.js'
import { BIRD_EXPORTER_METRICS } from './bird-exporter.js'
import { EVENT_METRICS, METRICS } from './catalogue.js'
import type { MetricDefinition, Scrape } from './definition.js'

export interface MetricsOptions {
  readonly ports: DaemonPorts
  readonly policy: ReadinessPolicy
  /** Which peers get series of their own. */
  readonly perPeer?: 'non-mesh' | 'all' | 'none'
  readonly compat?: 'bird_exporter'
  /** Process and garbage-collection metrics of prom-client. */
  readonly process?: boolean
  readonly streams?: () => number
}

/** Seconds: from a local change seen at once to a wave through a large cluster. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Error names come from the NOTIFICATION tree, but a code we do not know carries its number: bound them. */
const ERROR_NAMES = 200

/** Gauges of the library that are called like counters, which `promtool check metrics` refuses; each has another by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export class Metrics {
  readonly #registry = new Registry()
  readonly #options: MetricsOptions
  readonly #accumulated = new Accumulators()
  readonly #instruments: { definition: MetricDefinition; instrument: Gauge | Counter }[] = []
  readonly #notifications: Counter
  readonly #resets: Counter
  readonly #events: Counter
  readonly #eventCounts = new Map<EventCode, number>()
  readonly #latency: Histogram
  readonly #errorNames = new Set<string>()
  readonly #unsubscribe: () => void
  #running: Promise<string> | undefined

  constructor(options: MetricsOptions) {
    this.#options = options
    const registers = [this.#registry]
    const definitions = [...METRICS, ...(options.compat === 'bird_exporter' ? BIRD_EXPORTER_METRICS : [])]
    for (const definition of definitions) {
      const { name, help } = definition
      const settings = { name, help, labelNames: [...definition.labels], registers }
      const instrument = definition.type === 'gauge' ? new Gauge(settings) : new Counter(settings)
      this.#instruments.push({ definition, instrument })
    }
    const counter = (metric: { name: string; help: string; labels: readonly string[] }): Counter =>
      new Counter({ name: metric.name, help: metric.help, labelNames: [...metric.labels], registers })
    this.#notifications = counter(EVENT_METRICS.notifications)
    this.#resets = counter(EVENT_METRICS.resets)
    this.#events = counter(EVENT_METRICS.events)
    const { name, help } = EVENT_METRICS.kernelLatency
    this.#latency = new Histogram({ name, help, buckets: LATENCY_BUCKETS, registers })
    if (options.process !== false) {
      collectDefaultMetrics({ register: this.#registry })
      for (const name of MISNAMED) this.#registry.removeSingleMetric(name)
    }
    this.#unsubscribe = options.ports.events.subscribe((record) => this.#onEvent(record))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Once per route, by the node agent. */
  observeKernelLatency(milliseconds: number): void {
    this.#latency.observe(milliseconds / 1000)
  }

  text(): Promise<string> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  close(): void {
    this.#unsubscribe()
    this.#registry.clear()
  }

  async #collect(): Promise<string> {
    const scrape = this.#scrape()
    for (const { definition, instrument } of this.#instruments) {
      instrument.reset()
      // A reset instrument without labels shows 0; where there is nothing to show (a reflector's kernel) it must go.
      if (definition.labels.length === 0) instrument.remove()
      for (const [labels, value] of definition.read(scrape)) instrument.inc({ ...labels }, value)
    }
    this.#events.reset()
    for (const [code, count] of this.#eventCounts) this.#events.inc({ code }, count)
    return this.#registry.metrics()
  }

  #scrape(): Scrape {
    const { ports, policy, perPeer = 'non-mesh', streams } = this.#options
    const now = ports.now()
    const peers = ports.peers()
    this.#accumulated.update(peers)
    const identity = ports.identity()
    const facts = ports.health()
    const datastore = ports.datastoreStatus()
    const kernel = ports.kernel()
    const loopDelay = ports.loopDelay()
    const input = { facts, peers, datastore, kernel, startedAt: identity.startedAt, now, loopDelay: loopDelay.max }
    return {
      now,
      toEpochSeconds: (at) => ports.toEpoch(at) / 1000,
      identity,
      facts,
      ready: readiness(input, policy),
      live: liveness(input),
      datastore,
      peers,
      shown: perPeer === 'all' ? peers : perPeer === 'none' ? [] : peers.filter((peer) => peer.kind !== 'mesh'),
      tables: ports.tables(),
      kernel,
      groups: ports.groups().map((group) => ({
        members: group.members.length,
        lagging: group.lagging.length,
        logBytes: group.logBytes,
      })),
      memory: ports.memory(),
      bfd: ports.bfd?.(),
      loopDelay,
      accumulated: this.#accumulated,
      streams: streams?.() ?? 0,
    }
  }

  #onEvent({ event }: EventRecord): void {
    // Counted here, labelled at the scrape: a storm brings thousands.
    const code = eventCode(event)
    const count = event.type === 'connection-refused' ? 1 + event.more : 1
    this.#eventCounts.set(code, (this.#eventCounts.get(code) ?? 0) + count)
    if (event.type === 'session-reset') this.#resets.inc({ field: event.field })
    if (event.type === 'notification-sent' || event.type === 'notification-received') {
      const direction = event.type === 'notification-sent' ? 'sent' : 'received'
      this.#notifications.inc({ direction, error: this.#boundedError(event.notification.name) })
    }
  }

  #boundedError(name: string): string {
    if (this.#errorNames.size < ERROR_NAMES) this.#errorNames.add(name)
    return this.#errorNames.has(name) ? name : 'other'
  }
}
