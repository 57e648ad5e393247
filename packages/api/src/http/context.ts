/**
 * What the handlers of one listener share: the ports, the rules, and the bounds that keep strangers cheap.
 */
import type { ReadinessPolicy } from '../health/rules.js'
import { type HealthInput, liveness, readiness } from '../health/rules.js'
import type { Metrics } from '../metrics/registry.js'
import type { DaemonPorts } from '../ports.js'

/** Every limit of the HTTP surface, with its reason. */
export const LIMITS = {
  /** The largest body of any operation is a reason text of a few hundred characters. */
  body: 16 * 1024,
  /** A page of routes: about 400 bytes each as JSON, so under half a megabyte. */
  page: 1000,
  defaultPage: 100,
  /** Rows of a table that a search or an order looks at; beyond them the answer says that it is partial. */
  scan: 1_000_000,
  /** Rows between two breaths of a walk: about two milliseconds. */
  slice: 500,
  /** Walks at a time, over all listeners. */
  walks: 4,
  /** Event streams over all listeners; each costs one socket and one number. */
  streams: 1100,
  /** Recordings of sessions at a time; each slows its peer's input down. */
  recordings: 4,
  /** Bytes a recording may wait for its reader. */
  recordBacklog: 8 * 1024 * 1024,
  /** A stream whose socket takes nothing for so long is closed. */
  streamStall: 30_000,
  /** Comment lines that keep proxies from closing an idle stream. */
  streamHeartbeat: 15_000,
  /** Connections per listener: the streams and room for the rest. */
  connections: 1500,
  /** A whole request must arrive in this time (slow clients). */
  request: 10_000,
  /** Longest path parameter: a prefix or a peer name. */
  parameter: 200,
} as const

export interface ApiContext {
  readonly ports: DaemonPorts
  readonly policy: ReadinessPolicy
  readonly metrics: Metrics
  /** Open event streams, over all listeners of this daemon. */
  readonly streams: Set<() => void>
  /** Those of them that record a session. */
  readonly recordings: Set<() => void>
  /** Walks through tables that run now. */
  readonly walks: Set<symbol>
}

export function healthInput({ ports }: Pick<ApiContext, 'ports'>): HealthInput {
  return {
    facts: ports.health(),
    peers: ports.peers(),
    datastore: ports.datastoreStatus(),
    kernel: ports.kernel(),
    startedAt: ports.identity().startedAt,
    now: ports.now(),
    loopDelay: ports.loopDelay().max,
  }
}

export const isReady = (context: ApiContext) => readiness(healthInput(context), context.policy)
export const isLive = (context: ApiContext) => liveness(healthInput(context))
