/**
 * The API of one daemon: the HTTP listeners, the metrics and the BIRD control sockets, started and stopped together.
 *
 * Unix socket first (mode 0660, may change things); TCP only when asked for, on loopback unless told otherwise, with
 * changes only for the bearer token. A socket file left by a dead process is replaced; a live one is an error.
 */
import { chmod } from 'node:fs/promises'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { type BirdControl, startBirdControl } from './birdctl/server.js'
import type { ReadinessPolicy } from './health/rules.js'
import type { AppOptions } from './http/app.js'
import type { ApiContext } from './http/context.js'
import type { WriteAccess } from './http/write.js'
import type { Logger } from './log/logger.js'
import { Metrics, type MetricsOptions } from './metrics/registry.js'
import type { DaemonPorts } from './ports.js'
import { freeSocket } from './socket-file.js'

export interface HttpListener {
  /** Loopback unless given. */
  readonly host?: string
  readonly port: number
  /** Whoever shows it may change things; without one nobody may over TCP. */
  readonly token?: string
  readonly tls?: AppOptions['tls']
}

export interface ApiOptions {
  readonly ports: DaemonPorts
  readonly logger?: Logger
  /** Path of the Unix socket. */
  readonly control?: string
  readonly http?: HttpListener
  /** Folder for bird.ctl and bird6.ctl (calico.md 6.1); absent: none. */
  readonly birdControl?: string
  readonly policy?: ReadinessPolicy
  readonly requestTimeout?: AppOptions['requestTimeout']
  readonly metrics?: Pick<MetricsOptions, 'perPeer' | 'compat' | 'process'>
  /** More pages on every listener (the looking glass). */
  readonly extend?: (app: FastifyInstance) => Promise<void>
}

export interface Api {
  readonly metrics: Metrics
  /** As bound: `http://127.0.0.1:9180`, absent without TCP. */
  readonly url: string | undefined
  close(): Promise<void>
}

/** Half of what a daemon loads at its start is for HTTP: it is left out where nobody can ask. */
async function makeApp(context: ApiContext, options: AppOptions): Promise<FastifyInstance> {
  const { createApp } = await import('./http/app.js')
  return createApp(context, options)
}

/** A thousand readers that come back in one moment wait here; Node's 511 would turn the others away. */
const BACKLOG = 4096

export async function startApi(options: ApiOptions): Promise<Api> {
  const policy = options.policy ?? { kind: 'any' }
  const streams: ApiContext['streams'] = new Set()
  const metrics = new Metrics({ ...options.metrics, ports: options.ports, policy, streams: () => streams.size })
  const context: ApiContext = {
    ports: options.ports,
    policy,
    metrics,
    streams,
    recordings: new Set(),
    walks: new Set(),
  }
  const apps: FastifyInstance[] = []
  let bird: BirdControl | undefined
  let url: string | undefined
  const close = async (): Promise<void> => {
    for (const end of [...streams]) end()
    await Promise.all([...apps.map((app) => app.close()), bird?.close()])
    metrics.close()
  }
  try {
    const logger = options.logger as FastifyBaseLogger | undefined
    const shared = {
      ...(logger === undefined ? {} : { logger }),
      ...(options.extend === undefined ? {} : { extend: options.extend }),
      ...(options.requestTimeout === undefined ? {} : { requestTimeout: options.requestTimeout }),
    }
    if (options.control !== undefined) {
      const access: WriteAccess = { kind: 'operator' }
      const app = await makeApp(context, { ...shared, access })
      apps.push(app)
      await freeSocket(options.control)
      await app.listen({ path: options.control, backlog: BACKLOG })
      await chmod(options.control, 0o660)
    }
    if (options.http !== undefined) {
      const { host = '127.0.0.1', port, token, tls } = options.http
      const access: WriteAccess = token === undefined ? { kind: 'token' } : { kind: 'token', token }
      const app = await makeApp(context, { ...shared, access, ...(tls === undefined ? {} : { tls }) })
      apps.push(app)
      url = await app.listen({ host, port, backlog: BACKLOG })
    }
    if (options.birdControl !== undefined) bird = await startBirdControl(options.ports, options.birdControl)
  } catch (error) {
    await close()
    throw error
  }
  return { metrics, url, close }
}
