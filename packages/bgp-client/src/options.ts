/**
 * Options of the node agent, as the command line and the environment give them (calico.md 5.3). Already validated.
 */
import type { LogLevel } from '@starling/api'
import type { Environment, SurfaceOptions } from '@starling/daemon'

export interface NodeOptions extends SurfaceOptions {
  /** Node resource name; must exist in the datastore before sessions come up. */
  readonly name: string
  /** `memory`, `file:PATH`, `etcd[:URLS]`, `embedded:unix:PATH`; absent: by environment. */
  readonly datastore?: string
  readonly fib: 'netlink' | 'memory' | { readonly remote: string }
  /** VXLAN devices and routes as well: for clusters that run without Felix. */
  readonly programVxlan?: boolean
  /** Claim a pod block for this node when it has none. */
  readonly claimBlock: boolean
  readonly cniConf?: string
  /** Write the CalicoNodeStatus objects that name this node. */
  readonly nodeStatus: boolean
  readonly secretsDir?: string
  /** CALICO_ENDPOINT_STATUS_PATH_PREFIX; files live in its `endpoint-status`. */
  readonly endpointStatusPrefix?: string
  /** CALICO_ROUTER_ID. */
  readonly routerId?: string
  readonly kubernetesNodeName?: string
  readonly advertiseClusterIps?: string
  /** Overrides the port of the datastore's configuration. */
  readonly listenPort?: number
  /** Absent: as BGPConfiguration says. */
  readonly logLevel?: LogLevel
  readonly logPretty: boolean
  readonly environment: Environment
}
