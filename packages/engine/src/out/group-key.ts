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
  transport: 'session',
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
  enforceFirstAs: 'irrelevant',
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

/**
 * Remembers the last key: a thousand clients of one range differ in nothing that matters, and comparing is much cheaper
 * than writing the text again.
 */
export class GroupKeys {
  #session: SessionParameters | undefined
  #config: EngineConfig | undefined
  #key = ''
  readonly #family: FamilyIndex

  constructor(family: FamilyIndex) {
    this.#family = family
  }

  of(session: SessionParameters, config: EngineConfig): string {
    if (config === this.#config && this.#session !== undefined && this.#alike(session, this.#session)) return this.#key
    this.#session = session
    this.#config = config
    this.#key = groupKey(session, this.#family, config)
    return this.#key
  }

  #alike(a: SessionParameters, b: SessionParameters): boolean {
    for (let i = 0; i < GROUP_FIELDS.length; i++) {
      if (a.config[GROUP_FIELDS[i]] !== b.config[GROUP_FIELDS[i]]) return false
    }
    const family = this.#family
    return (
      a.config.families === b.config.families &&
      a.external === b.external &&
      a.remoteAs === b.remoteAs &&
      a.fourOctetAs === b.fourOctetAs &&
      a.maximumMessage === b.maximumMessage &&
      a.addPathSend[family] === b.addPathSend[family] &&
      a.extendedNextHop === b.extendedNextHop &&
      a.longLived === b.longLived &&
      sameLocalAddresses(a, b)
    )
  }
}

/** Are we the same host, as far as next-hop-self goes? */
export function sameLocalAddresses(a: SessionParameters, b: SessionParameters): boolean {
  const x = a.localAddresses
  const y = b.localAddresses
  return (
    sameOctets(a.localAddress, b.localAddress) &&
    sameOctets(x.ipv4, y.ipv4) &&
    sameOctets(x.ipv6, y.ipv6) &&
    sameOctets(x.linkLocal, y.linkLocal)
  )
}

function sameOctets(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

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
    session.longLived === true,
    [...session.localAddress],
    localAddresses.ipv4 === undefined ? 0 : [...localAddresses.ipv4],
    localAddresses.ipv6 === undefined ? 0 : [...localAddresses.ipv6],
    localAddresses.linkLocal === undefined ? 0 : [...localAddresses.linkLocal],
    limit ?? 0,
    groupFacts(config),
  ])
}

/** Facts of the speaker itself that every group's octets depend on. */
export function groupFacts({ routerId, clusterId, clientToClient, defaultLocalPref }: EngineConfig): string {
  return [routerId, clusterId, clientToClient, defaultLocalPref].join()
}
