/**
 * OPEN negotiation: what we say, what we accept, and what the two add up to (RFC 4271 sections 4.2 and 6.2).
 *
 * Capabilities: multiprotocol (RFC 4760), route refresh (2918) and enhanced (7313), extended next hop (8950), extended
 * message (8654), role (9234), graceful restart (4724, N bit 8538), four-octet AS (6793), ADD-PATH (7911), long-lived
 * graceful restart (9494). A peer that refuses capabilities gets an OPEN without them (RFC 5492 section 3); without the
 * multiprotocol capability IPv4 unicast is meant (RFC 4760 section 8).
 */
import {
  Afi,
  AS_TRANS,
  type Capability,
  capabilityCode,
  decodeOpen,
  encodeOpen,
  formatIPv4,
  MAX_EXTENDED_MESSAGE,
  MAX_MESSAGE,
  NotificationCode,
  type Open,
  OpenError,
  openAsn,
  printCapability,
  Safi,
} from '@starling/bgp-packet'
import { RESTART_TIME_MAXIMUM } from '../config/limits.js'
import type { BgpRole, EngineConfig, PeerConfig, PeerFamilyConfig } from '../config/types.js'
import { type Cause, sent } from './cause.js'
import { AFI_OF, BOTH_FAMILIES, familyIndexOf } from './families.js'
import type { Negotiated, PeerRestart, RestartFamily } from './negotiated.js'
import { ROLE_CODE, ROLE_OF_CODE, ROLE_PARTNER } from './roles.js'

/** Codes a peer refused; `all` when it refused optional parameters altogether. */
export interface OpenOmissions {
  readonly all: boolean
  readonly codes: ReadonlySet<number>
}
export const NO_OMISSIONS: OpenOmissions = { all: false, codes: new Set() }

const ADD_PATH_RECEIVE = 1
const ADD_PATH_SEND = 2

function familyConfig(config: PeerConfig, family: 0 | 1): PeerFamilyConfig | undefined {
  return config.families.find((each) => each.family === (family === 0 ? 'ipv4' : 'ipv6'))
}

/** Seconds for which a family's routes may stay as long-lived stale (RFC 9494): its own wish, or the peer's. */
export function longLivedStaleTime(config: PeerConfig, family: PeerFamilyConfig | undefined): number {
  return family?.longLivedStaleTime ?? config.gracefulRestart.longLivedStaleTime
}

/** What our OPEN to this peer carries now. */
export function advertisedCapabilities(
  config: PeerConfig,
  omit: OpenOmissions,
  life: { readonly restarting: boolean; readonly preserved: boolean },
): Capability[] {
  if (omit.all) return []
  const list: Capability[] = []
  const safi = Safi.unicast
  for (const { family } of config.families) {
    list.push({ kind: 'multiprotocol', afi: family === 'ipv4' ? Afi.ipv4 : Afi.ipv6, safi })
  }
  if (config.routeRefresh) list.push({ kind: 'routeRefresh' }, { kind: 'enhancedRouteRefresh' })
  if (familyConfig(config, 0)?.extendedNextHop === true) {
    list.push({ kind: 'extendedNextHop', entries: [{ afi: Afi.ipv4, safi, nextHopAfi: Afi.ipv6 }] })
  }
  if (config.extendedMessages) list.push({ kind: 'extendedMessage' })
  if (config.role !== undefined) list.push({ kind: 'role', role: ROLE_CODE[config.role] })
  const restart = config.gracefulRestart
  const families = config.families.map(({ family }) => ({
    afi: family === 'ipv4' ? Afi.ipv4 : Afi.ipv6,
    safi,
    forwarding: life.preserved,
  }))
  if (restart.enabled) {
    const restartTime = Math.min(restart.restartTime, RESTART_TIME_MAXIMUM)
    list.push({
      kind: 'gracefulRestart',
      restarting: life.restarting,
      notification: restart.notification,
      restartTime,
      families,
    })
    // Always, if only to say that we treat LLGR_STALE routes as RFC 9494 section 4.3 asks: without it we are not told of
    // them. A family is listed when we ask for its routes to be kept.
    const kept = families.map((each, at) => ({ ...each, staleTime: longLivedStaleTime(config, config.families[at]) }))
    list.push({ kind: 'longLivedGracefulRestart', families: kept.filter(({ staleTime }) => staleTime > 0) })
  }
  if (config.fourOctetAs) list.push({ kind: 'fourOctetAs', asn: config.localAs })
  const addPath = config.families
    .map(({ family, addPath: wanted }) => ({
      afi: family === 'ipv4' ? Afi.ipv4 : Afi.ipv6,
      safi,
      mode: (wanted.receive ? ADD_PATH_RECEIVE : 0) | (wanted.send > 0 ? ADD_PATH_SEND : 0),
    }))
    .filter((entry) => entry.mode !== 0)
  if (addPath.length > 0) list.push({ kind: 'addPath', entries: addPath })
  return omit.codes.size === 0 ? list : list.filter((capability) => !omit.codes.has(capabilityCode(capability)))
}

/** What the last OPEN was made from, and its octets: a thousand clients of one template get the same one. */
interface LastOpen {
  readonly capabilities: readonly Capability[]
  readonly routerId: number
  readonly localAs: number
  readonly holdTime: number
  readonly octets: Uint8Array
}

/** Keeps the last offer and its OPEN; equal means made from the very same configuration values. */
export class OpenMemo {
  #key: readonly unknown[] = []
  #capabilities: Capability[] = []
  #open: LastOpen | undefined

  capabilities(
    config: PeerConfig,
    omit: OpenOmissions,
    life: { restarting: boolean; preserved: boolean },
  ): Capability[] {
    const { families, gracefulRestart, routeRefresh, extendedMessages, role, fourOctetAs, localAs } = config
    const flags = [omit, life.restarting, life.preserved]
    const key = [families, gracefulRestart, routeRefresh, extendedMessages, role, fourOctetAs, localAs, ...flags]
    if (key.length !== this.#key.length || key.some((value, at) => value !== this.#key[at])) {
      this.#key = key
      this.#capabilities = advertisedCapabilities(config, omit, life)
    }
    return this.#capabilities
  }

  octets(config: PeerConfig, engine: EngineConfig, capabilities: Capability[]): Uint8Array {
    const last = this.#open
    const { localAs } = config
    const { holdTime } = config.timers
    const { routerId } = engine
    const same = last?.capabilities === capabilities && last.routerId === routerId && last.localAs === localAs
    if (last !== undefined && same && last.holdTime === holdTime) return last.octets
    const octets = encodeOpenMessage(config, engine, capabilities)
    this.#open = { capabilities, routerId, localAs, holdTime, octets }
    return octets
  }
}

export function encodeOpenMessage(config: PeerConfig, engine: EngineConfig, capabilities: Capability[]): Uint8Array {
  return encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: config.localAs > 0xffff ? AS_TRANS : config.localAs,
    holdTime: config.timers.holdTime,
    bgpId: engine.routerId,
    capabilities,
  })
}

/** After a NOTIFICATION that refuses capabilities: what to leave out next time (RFC 5492 section 3). */
export function omissionsAfter(omit: OpenOmissions, cause: Cause): OpenOmissions {
  const info = cause.notification
  if (cause.kind !== 'received' || info === undefined || info.code !== NotificationCode.openMessage) return omit
  if (info.subcode === OpenError.unsupportedOptionalParameter) return { ...omit, all: true }
  if (info.subcode !== OpenError.unsupportedCapability) return omit
  const codes = new Set(omit.codes)
  for (let at = 0; at + 2 <= info.data.length; at += 2 + info.data[at + 1]) codes.add(info.data[at])
  return { ...omit, codes }
}

function refuse(subcode: number, reason: string, data?: Uint8Array): Cause {
  return sent(reason, NotificationCode.openMessage, subcode, data)
}

function wrongAs(config: PeerConfig, asn: number): Cause | undefined {
  const wanted = config.remoteAs
  const fits =
    wanted === 'any' ||
    (wanted === 'external' && asn !== config.localAs) ||
    (wanted === 'internal' && asn === config.localAs) ||
    wanted === asn
  if (fits) return undefined
  const expected = typeof wanted === 'number' ? `AS ${wanted}` : `an ${wanted} AS (ours is ${config.localAs})`
  return refuse(
    OpenError.badPeerAs,
    `wrong AS: the peer is AS ${asn}, configured is ${expected}: correct the AS number here or there`,
  )
}

/** RFC 6286 section 2.2: identifiers must differ inside one AS. (Zero is the codec's to refuse.) */
function wrongIdentifier(config: PeerConfig, engine: EngineConfig, open: Open, asn: number): Cause | undefined {
  if (asn !== config.localAs || open.bgpId !== engine.routerId) return undefined
  return refuse(
    OpenError.badBgpIdentifier,
    `the peer has the same router id as this speaker (${formatIPv4(open.bgpId)}): give one of the two another, it must be unique in the AS`,
  )
}

function wrongRole(config: PeerConfig, capabilities: readonly Capability[]): BgpRole | undefined | Cause {
  const codes = new Set(capabilities.flatMap((each) => (each.kind === 'role' ? [each.role] : [])))
  if (config.role === undefined || codes.size === 0) return undefined
  const [code] = codes
  const theirs = ROLE_OF_CODE[code]
  if (codes.size === 1 && theirs === ROLE_PARTNER[config.role]) return theirs
  const said = codes.size > 1 ? 'several roles' : `role ${theirs ?? code}`
  return refuse(
    OpenError.roleMismatch,
    `BGP roles do not fit: ours is ${config.role}, the peer says ${said}; it must be ${ROLE_PARTNER[config.role]} (RFC 9234), or ours another`,
  )
}

function commonFamilies(config: PeerConfig, capabilities: readonly Capability[]): [boolean, boolean] {
  const theirs: [boolean, boolean] = [false, false]
  let any = false
  for (const each of capabilities) {
    if (each.kind !== 'multiprotocol') continue
    any = true
    const family = familyIndexOf(each.afi, each.safi)
    if (family !== undefined) theirs[family] = true
  }
  if (!any) theirs[0] = true
  return [theirs[0] && familyConfig(config, 0) !== undefined, theirs[1] && familyConfig(config, 1) !== undefined]
}

function peerRestart(config: PeerConfig, capabilities: readonly Capability[]): PeerRestart | undefined {
  if (!config.gracefulRestart.enabled) return undefined
  // Section 3 of RFC 4724: of several instances all but the last are ignored.
  const offered = capabilities.findLast((each) => each.kind === 'gracefulRestart')
  if (offered?.kind !== 'gracefulRestart') return undefined
  const longLived = capabilities.findLast((each) => each.kind === 'longLivedGracefulRestart')
  const family = (index: 0 | 1): RestartFamily => {
    const matches = (each: { afi: number; safi: number }) => familyIndexOf(each.afi, each.safi) === index
    const listed = offered.families.find(matches)
    const stale = longLived?.kind === 'longLivedGracefulRestart' ? longLived.families.find(matches) : undefined
    return {
      listed: listed !== undefined,
      preserved: listed?.forwarding === true,
      longLivedStaleTime: (stale?.staleTime ?? 0) * 1000,
      longLivedPreserved: stale?.forwarding === true,
    }
  }
  return {
    restartTime: offered.restartTime * 1000,
    restarting: offered.restarting,
    notification: offered.notification && config.gracefulRestart.notification,
    families: [family(0), family(1)],
  }
}

/** RFC 7911 section 4: we send what they receive, and the other way round. */
function addPathWith(config: PeerConfig, capabilities: readonly Capability[]) {
  const receive: [boolean, boolean] = [false, false]
  const send: [number, number] = [0, 0]
  for (const each of capabilities) {
    if (each.kind !== 'addPath') continue
    for (const { afi, safi, mode } of each.entries) {
      const family = familyIndexOf(afi, safi)
      if (family === undefined || mode < 1 || mode > 3) continue
      const ours = familyConfig(config, family)?.addPath
      if (ours === undefined) continue
      receive[family] = ours.receive && (mode & ADD_PATH_SEND) !== 0
      send[family] = (mode & ADD_PATH_RECEIVE) !== 0 ? ours.send : 0
    }
  }
  return { receive, send }
}

/** Judge the OPEN in [start, end). The codec has judged its form; here is what depends on configuration. */
export function judgeOpen(
  buffer: Uint8Array,
  start: number,
  end: number,
  config: PeerConfig,
  engine: EngineConfig,
  advertised: readonly Capability[],
): Negotiated | Cause {
  const open = decodeOpen(buffer, start, end)
  if ('verdict' in open) return sent(`unacceptable OPEN: ${open.reason}`, open.code, open.subcode, open.data)
  const remoteAs = openAsn(open)
  const refused = wrongAs(config, remoteAs) ?? wrongIdentifier(config, engine, open, remoteAs)
  if (refused !== undefined) return refused
  const theirs = open.capabilities
  const role = wrongRole(config, theirs)
  if (typeof role === 'object') return role
  const families = commonFamilies(config, theirs)
  if (!families[0] && !families[1]) return noFamily(config, theirs)
  return combine(open, remoteAs, config, advertised, families, role)
}

function noFamily(config: PeerConfig, theirs: readonly Capability[]): Cause {
  const ours = config.families.map(({ family }) => family).join(', ')
  const offered = theirs.filter((each) => each.kind === 'multiprotocol').map(printCapability)
  const said = offered.length === 0 ? 'ipv4 only (no multiprotocol capability)' : offered.join(', ')
  // RFC 5492 section 5: the data lists what we miss.
  const data = config.families.flatMap(({ family }) => [1, 4, 0, AFI_OF[family === 'ipv4' ? 0 : 1], 0, Safi.unicast])
  return refuse(
    OpenError.unsupportedCapability,
    `no address family in common: ours are ${ours}, the peer offers ${said}: activate one there, or add it to the families here`,
    Uint8Array.from(data),
  )
}

function combine(
  open: Open,
  remoteAs: number,
  config: PeerConfig,
  advertised: readonly Capability[],
  families: readonly [boolean, boolean],
  role: BgpRole | undefined,
): Negotiated {
  const both = (kind: Capability['kind']) =>
    advertised.some((each) => each.kind === kind) && open.capabilities.some((each) => each.kind === kind)
  const holdTime = Math.min(config.timers.holdTime, open.holdTime)
  const addPath = addPathWith(config, advertised.some((each) => each.kind === 'addPath') ? open.capabilities : [])
  const extendedNextHop =
    both('extendedNextHop') &&
    open.capabilities.some(
      (each) =>
        each.kind === 'extendedNextHop' &&
        each.entries.some((e) => familyIndexOf(e.afi, e.safi) === 0 && e.nextHopAfi === Afi.ipv6),
    )
  return {
    remoteAs,
    remoteRouterId: open.bgpId,
    external: remoteAs !== config.localAs,
    fourOctetAs: both('fourOctetAs'),
    holdTime,
    keepaliveTime: holdTime === 0 ? 0 : Math.min(config.timers.keepaliveTime ?? Number.POSITIVE_INFINITY, holdTime / 3),
    maximumMessage: both('extendedMessage') ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE,
    families,
    addPathReceive: BOTH_FAMILIES.map((family) => families[family] && addPath.receive[family]) as [boolean, boolean],
    addPathSend: BOTH_FAMILIES.map((family) => (families[family] ? addPath.send[family] : 0)) as [number, number],
    extendedNextHop,
    routeRefresh: both('routeRefresh'),
    enhancedRefresh: both('enhancedRouteRefresh'),
    restart: both('gracefulRestart') ? peerRestart(config, open.capabilities) : undefined,
    // RFC 9494 section 3.1: without graceful restart beside it the capability is ignored.
    longLived: both('gracefulRestart') && both('longLivedGracefulRestart'),
    role,
    capabilities: { advertised, received: open.capabilities },
  }
}
