/**
 * Options of the reflector, as the command line gives them. Already validated.
 *
 * Two ways to run: with a datastore it is a node of the cluster that reflects (its Node resource carries the cluster id);
 * without one, everything it needs stands on the command line and it takes its clients from ranges.
 */
import type { LogLevel } from '@starling/api'
import type { Environment, SurfaceOptions } from '@starling/daemon'

export interface ListenAddress {
  readonly address: string
  readonly port: number
}

export interface StandaloneOptions {
  readonly asNumber: number
  /** u32. */
  readonly routerId: number
  /** u32. */
  readonly clusterId: number
  readonly listen: readonly ListenAddress[]
  /** Ranges of reflector clients: iBGP, same AS. */
  readonly accept: readonly string[]
  /** Ranges of eBGP peers of any AS. */
  readonly acceptExternal: readonly string[]
}

export interface ReflectorOptions extends SurfaceOptions {
  readonly name: string
  readonly mode:
    | { readonly kind: 'standalone'; readonly options: StandaloneOptions }
    | { readonly kind: 'datastore'; readonly spec?: string; readonly listenPort?: number }
  readonly routerId?: string
  /** Absent: as BGPConfiguration says. */
  readonly logLevel?: LogLevel
  readonly logPretty: boolean
  readonly environment: Environment
}
