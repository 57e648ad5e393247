/**
 * Which peers share an update group: those whose octets would be identical.
 *
 * Every field of `PeerConfig` is classified here; a new field does not compile until it is. `group` fields can change an
 * outgoing octet (or which routes go out), `session` fields act before a route is formed (timers, addresses, what OPEN
 * says; their effect on octets is in the negotiated facts below), `irrelevant` ones never touch the wire.
 */
import type { EngineConfig, PeerConfig } from '../config/types.js'
import type { FamilyIndex, SessionParameters } from '../rib/contract.js'

type Role = 'group' | 'session' | 'irrelevant'

export const FIELD_ROLE: Record<keyof PeerConfig, Role> = {
  key: 'irrelevant',
  name: 'irrelevant',
  kind: 'irrelevant',
  description: 'irrelevant',
  why: 'irrelevant',
  remoteAddress: 'session',
  remotePort: 'session',
  localAddress: 'session',
  interface: 'session',
  remoteAs: 'session',
  localAs: 'group',
  passive: 'session',
  enabled: 'session',
  shutdownMessage: 'session',
  heldDown: 'session',
  password: 'session',
  ttlSecurity: 'session',
  families: 'session',
  timers: 'session',
  gracefulRestart: 'session',
  routeRefresh: 'session',
  extendedMessages: 'session',
  fourOctetAs: 'session',
  role: 'group',
  routeReflectorClient: 'group',
  clusterId: 'group',
  nextHop: 'group',
  allowOwnAs: 'irrelevant',
  asOverride: 'group',
  removePrivateAs: 'group',
  importPolicy: 'irrelevant',
  exportPolicy: 'group',
  importDefault: 'irrelevant',
  exportDefault: 'group',
  discardAttributes: 'irrelevant',
  withdrawOnAttributes: 'irrelevant',
  bfdStrict: 'session',
}

const GROUP_FIELDS = (Object.keys(FIELD_ROLE) as (keyof PeerConfig)[]).filter((field) => FIELD_ROLE[field] === 'group')

/** The key of a session's group for one family; equal keys mean equal octets. */
export function groupKey(session: SessionParameters, family: FamilyIndex, config: EngineConfig): string {
  const { localAddresses } = session
  const limit = session.config.families.find((entry) => entry.family === (family === 0 ? 'ipv4' : 'ipv6'))?.exportLimit
  return JSON.stringify([
    family,
    GROUP_FIELDS.map((field) => session.config[field] ?? null),
    // Negotiated facts and addresses that end up in messages.
    session.external,
    session.config.asOverride ? session.remoteAs : 0,
    session.fourOctetAs,
    session.maximumMessage,
    Number.isFinite(session.addPathSend[family]) ? session.addPathSend[family] : 'all',
    session.extendedNextHop,
    [...session.localAddress],
    localAddresses.ipv4 === undefined ? 0 : [...localAddresses.ipv4],
    localAddresses.ipv6 === undefined ? 0 : [...localAddresses.ipv6],
    localAddresses.linkLocal === undefined ? 0 : [...localAddresses.linkLocal],
    limit ?? 0,
    // Facts of the speaker itself.
    config.routerId,
    config.clusterId,
    config.clientToClient,
    config.defaultLocalPref,
  ])
}
