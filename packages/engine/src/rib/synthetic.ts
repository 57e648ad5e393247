/**
 * Synthetic sessions and UPDATEs: what warm-up, tests and benchmarks feed the tables with.
 *
 * Nothing here is reached by a real session. Messages are built with the codec's writers; a peer is iBGP and a client
 * unless told otherwise.
 */
import {
  type AsPath,
  AttributeCode,
  ByteWriter,
  encodeAsPath,
  Flag,
  HEADER_LENGTH,
  parseAddress,
  parseAsPath,
  parseCommunity,
  UpdatePacker,
  writeAttribute,
  writeAttributeHeader,
  writeLocalPref,
  writeMed,
  writeNextHop,
  writeOrigin,
  writeOriginatorId,
} from '@starling/bgp-packet'
import { Prefix } from '@starling/inet'
import { PLAIN_PEER } from '../config/defaults.js'
import type { EngineConfig, PeerConfig } from '../config/types.js'
import type { SessionParameters } from './contract.js'

export function syntheticConfig(fields: Partial<EngineConfig> = {}): EngineConfig {
  return {
    asNumber: 65000,
    routerId: 0x0a00000a,
    clusterId: 0x0a00000a,
    clientToClient: true,
    peers: new Map(),
    dynamicNeighbors: [],
    nextHopResolution: 'assumed',
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 1, multipathRelax: false },
    defaultLocalPref: 100,
    gracefulRestartDeferral: 0,
    ...fields,
  }
}

export function syntheticPeer(slot: number, fields: Partial<PeerConfig> = {}): PeerConfig {
  const address = `10.1.${slot >>> 8}.${slot & 255}`
  return {
    ...PLAIN_PEER,
    key: address,
    name: `peer${slot}`,
    kind: 'static',
    why: { resource: 'synthetic', rule: 'synthetic' },
    remoteAddress: address,
    remotePort: 179,
    remoteAs: 'any',
    localAs: 65000,
    passive: false,
    extendedMessages: false,
    routeReflectorClient: true,
    // Synthetic paths say whatever the test is about.
    enforceFirstAs: false,
    ...fields,
  }
}

export function syntheticSession(
  slot: number,
  fields: Partial<Omit<SessionParameters, 'config'>> & { readonly config?: Partial<PeerConfig> } = {},
): SessionParameters {
  const { config, ...rest } = fields
  const peer = syntheticPeer(slot, config)
  return {
    config: peer,
    remoteAs: peer.localAs,
    remoteRouterId: 0x0a010000 + slot,
    external: false,
    fourOctetAs: true,
    maximumMessage: 4096,
    families: [true, true],
    addPathReceive: [false, false],
    addPathSend: [0, 0],
    extendedNextHop: false,
    localAddress: Uint8Array.of(10, 0, 0, 10),
    remoteAddress: parseAddress(peer.remoteAddress) ?? Uint8Array.of(10, 1, 0, slot),
    localAddresses: { ipv4: Uint8Array.of(10, 0, 0, 10), ipv6: parseAddress('fd00::a') ?? new Uint8Array(16) },
    ...rest,
  }
}

/** A path attribute the writers have no function for. */
export interface RawAttribute {
  readonly code: number
  readonly flags: number
  readonly value: Uint8Array
}

export interface UpdateFields {
  /** Prefix texts; `10.0.0.0/8#7` carries path identifier 7 (then all must carry one). */
  readonly announce?: readonly string[]
  readonly withdraw?: readonly string[]
  /** An address, or the pair of RFC 2545: `fd00::9+fe80::9`. */
  readonly nextHop?: string
  readonly origin?: number
  /** Text of `printAsPath`. */
  readonly asPath?: string
  readonly localPref?: number
  readonly med?: number
  readonly communities?: readonly string[]
  readonly originatorId?: number
  readonly clusterList?: readonly number[]
  readonly otc?: number
  readonly raw?: readonly RawAttribute[]
  /** Octets of an AS number in AS_PATH. */
  readonly asSize?: 2 | 4
}

interface Nlri {
  readonly prefix: Prefix
  readonly pathId: number | undefined
}

function readNlri(text: string): Nlri {
  const [prefixText, id] = text.split('#')
  const prefix = Prefix.parse(prefixText)
  if (prefix === undefined) throw new Error(`${text} is no prefix`)
  return { prefix, pathId: id === undefined ? undefined : Number(id) }
}

function wordsOf(prefix: Prefix): [number, number, number, number] {
  const words: [number, number, number, number] = [0, 0, 0, 0]
  for (let i = 0; i < prefix.bytes.length; i++) words[i >>> 2] |= prefix.bytes[i] << (24 - (i & 3) * 8)
  return words
}

/** The attribute block, without MP attributes; NEXT_HOP only if it is IPv4 and `inline`. */
export function attributeBlock(fields: UpdateFields, inline: boolean): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(16384))
  const raw = [...(fields.raw ?? [])].sort((a, b) => a.code - b.code)
  const rawBelow = (code: number) => {
    while (raw.length > 0 && raw[0].code < code) {
      const [{ code: number, flags, value }] = raw.splice(0, 1)
      writeAttribute(writer, flags, number, value, 0, value.length)
    }
  }
  writeOrigin(writer, fields.origin ?? 0)
  const path: AsPath = parseAsPath(fields.asPath ?? '') ?? []
  const value = new ByteWriter(new Uint8Array(8192))
  encodeAsPath(value, path, fields.asSize ?? 4)
  writeAttribute(writer, Flag.transitive, AttributeCode.asPath, value.buffer, 0, value.at)
  const hop = parseAddress(fields.nextHop ?? '10.9.9.9')
  if (inline && hop?.length === 4) {
    writeNextHop(writer, ((hop[0] << 24) | (hop[1] << 16) | (hop[2] << 8) | hop[3]) >>> 0)
  }
  if (fields.med !== undefined) writeMed(writer, fields.med)
  if (fields.localPref !== undefined) writeLocalPref(writer, fields.localPref)
  rawBelow(AttributeCode.communities)
  if (fields.communities !== undefined) {
    writeAttributeHeader(writer, 0xc0, AttributeCode.communities, fields.communities.length * 4)
    for (const text of fields.communities) writer.u32(parseCommunity(text) ?? 0)
  }
  if (fields.originatorId !== undefined) writeOriginatorId(writer, fields.originatorId)
  if (fields.clusterList !== undefined) {
    writeAttributeHeader(writer, Flag.optional, AttributeCode.clusterList, fields.clusterList.length * 4)
    for (const id of fields.clusterList) writer.u32(id)
  }
  rawBelow(AttributeCode.otc)
  if (fields.otc !== undefined) {
    writeAttributeHeader(writer, 0xc0, AttributeCode.otc, 4)
    writer.u32(fields.otc)
  }
  rawBelow(256)
  return writer.copy()
}

function hopOctets(text = '10.9.9.9'): Uint8Array {
  return Uint8Array.from(text.split('+').flatMap((part) => [...(parseAddress(part) ?? new Uint8Array(4))]))
}

/** Whole messages (with headers) for the fields: one per kind and family. */
export function updateMessages(fields: UpdateFields, maximum = 4096): Uint8Array[] {
  const messages: Uint8Array[] = []
  const writer = new ByteWriter(new Uint8Array(maximum))
  const packer = new UpdatePacker(writer)
  const build = (list: readonly Nlri[], begin: (addPath: boolean) => boolean) => {
    let rest = [...list]
    while (rest.length > 0) {
      writer.reset(writer.buffer)
      if (!begin(rest[0].pathId !== undefined)) throw new Error('attributes too long')
      let taken = 0
      for (const { prefix, pathId } of rest) {
        if (!packer.add(pathId ?? 0, prefix.length, ...wordsOf(prefix))) break
        taken++
      }
      packer.finish()
      messages.push(writer.copy())
      rest = rest.slice(taken)
    }
  }
  const withdraw = (fields.withdraw ?? []).map(readNlri)
  const announce = (fields.announce ?? []).map(readNlri)
  const of = (list: readonly Nlri[], family: string) => list.filter(({ prefix }) => prefix.family === family)
  build(of(withdraw, 'ipv4'), (addPath) => packer.beginWithdraw(maximum, addPath))
  build(of(withdraw, 'ipv6'), (addPath) => packer.beginUnreach(maximum, addPath, 2))
  const hop = hopOctets(fields.nextHop)
  if (hop.length === 4) {
    const block = attributeBlock(fields, true)
    build(of(announce, 'ipv4'), (addPath) => packer.beginAnnounce(maximum, addPath, block))
  } else {
    const block = attributeBlock(fields, false)
    build(of(announce, 'ipv4'), (addPath) => packer.beginReach(maximum, addPath, 1, hop, block))
  }
  const hop6 = hop.length >= 16 ? hop : (parseAddress('fd00::9') ?? new Uint8Array(16))
  const block6 = attributeBlock(fields, false)
  build(of(announce, 'ipv6'), (addPath) => packer.beginReach(maximum, addPath, 2, hop6, block6))
  return messages
}

export const BODY = HEADER_LENGTH
