/**
 * What the operator chooses of a daemon's surface, the same for the node agent and the reflector: where the API listens,
 * when it calls itself ready, what its metrics show. Already validated by the command line.
 */
import type { ApiOptions, HttpListener, ReadinessPolicy } from '@starling/api'
import { lookingGlass } from '@starling/looking-glass'
import type { NodesApi } from './ask-node.js'

export interface SurfaceOptions {
  /** Unix socket of the API. */
  readonly control?: string
  readonly http?: HttpListener
  /** Folder for bird.ctl and bird6.ctl. */
  readonly birdControl?: string
  /** `any` when absent. */
  readonly readiness?: ReadinessPolicy
  readonly metricsCompat?: 'bird_exporter'
  /** Which peers get series of their own; those outside the mesh when absent. */
  readonly peerMetrics?: 'non-mesh' | 'all' | 'none'
  /** Where the other nodes' APIs answer, for the drawing of the cluster; absent: nobody is asked. */
  readonly nodesApi?: NodesApi
}

type ApiSettings = Pick<ApiOptions, 'control' | 'http' | 'birdControl' | 'policy' | 'metrics' | 'extend'>

export function apiSettings(options: SurfaceOptions): ApiSettings {
  const { control, http, birdControl, readiness, metricsCompat, peerMetrics } = options
  return {
    extend: lookingGlass(),
    ...(control === undefined ? {} : { control }),
    ...(http === undefined ? {} : { http }),
    ...(birdControl === undefined ? {} : { birdControl }),
    ...(readiness === undefined ? {} : { policy: readiness }),
    metrics: {
      ...(metricsCompat === undefined ? {} : { compat: metricsCompat }),
      ...(peerMetrics === undefined ? {} : { perPeer: peerMetrics }),
    },
  }
}
