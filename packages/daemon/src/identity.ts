/**
 * Who a daemon is, for the API: from the configuration in force and, where there is a cluster, the node's addresses.
 * Zeros before the first configuration.
 */
import type { Identity } from '@starling/api'
import type { EngineConfig } from '@starling/engine'
import type { Plan } from '@starling/intent'
import { VERSION } from './version.js'
import { dotted } from './views/cluster.js'

export interface IdentityFacts
  extends Pick<Identity, 'role' | 'name' | 'startedAt' | 'configuredAt' | 'configGeneration'> {
  readonly config: EngineConfig | undefined
  readonly plan: Plan | undefined
  readonly listen: readonly { readonly address: string; readonly port: number }[]
}

export function identityOf({ config, plan, listen, ...own }: IdentityFacts): Identity {
  const { ipv4, ipv6 } = plan?.identity ?? {}
  return {
    ...own,
    version: VERSION,
    asNumber: config?.asNumber ?? 0,
    routerId: dotted(config?.routerId ?? 0),
    ...(config === undefined || config.clusterId === 0 ? {} : { clusterId: dotted(config.clusterId) }),
    ...(ipv4 === undefined ? {} : { ipv4Address: ipv4.address }),
    ...(ipv6 === undefined ? {} : { ipv6Address: ipv6.address }),
    listen: listen.map(({ address, port }) => `${address}:${port}`),
  }
}
