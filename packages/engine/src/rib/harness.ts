/**
 * A host for tests: keeps what every peer was told as the peer itself would, by decoding the octets.
 *
 * It refuses what a peer must never see: its own route, an announcement without attributes, a malformed message. Transports
 * can be told to say "no more"; the octets of that call still count as taken, as with a real one.
 */
import {
  AttributeBlock,
  AttributeCode,
  decodeAsPath,
  formatAddress,
  formatIPv4,
  NlriCursor,
  printAsPath,
  UpdateScan,
  updateContext,
  Verdict,
} from '@starling/bgp-packet'
import { Prefix } from '@starling/inet'
import type { PrefixLimit } from '../config/types.js'
import type { EngineEvent } from '../events.js'
import type { InstallView, Sink } from '../sink.js'
import type { FamilyIndex, PeerSlot, SessionParameters, TablesHost } from './contract.js'
import type { RibTables } from './tables.js'

/** One route as a peer holds it; text, so that tables compare easily. */
export type Told = Map<string, string>

export class TestHost implements TablesHost {
  readonly told: Told[] = []
  readonly sessions: SessionParameters[] = []
  readonly events: EngineEvent[] = []
  readonly kernel = new Map<string, string>()
  readonly tracked = new Set<string>()
  readonly freed: PeerSlot[] = []
  readonly endsOfRib: string[] = []
  readonly limits: { slot: PeerSlot; family: FamilyIndex; restartAfter: number | undefined }[] = []
  /** Bytes of UPDATEs and refresh marks by slot, as a log of words. */
  readonly heard: string[][] = []
  /** Answer of the transport. */
  readonly accepts = new Map<PeerSlot, boolean>()
  messages = 0
  readonly sink: Sink
  readonly #scan = new UpdateScan()
  readonly #block = new AttributeBlock()
  readonly #cursor = new NlriCursor()

  constructor() {
    this.sink = {
      connect: () => undefined,
      close: () => undefined,
      send: () => true,
      installRoute: (route) => this.kernel.set(prefixOf(route.address, route.length), kernelText(route)),
      removeRoute: (_family, address, length) => {
        const key = prefixOf(address, length)
        if (!this.kernel.delete(key)) throw new Error(`kernel never had ${key}`)
      },
      trackNextHop: (address) => this.tracked.add(address),
      untrackNextHop: (address) => this.tracked.delete(address),
      event: (event) => this.events.push(event),
    }
  }

  up(tables: RibTables, session: SessionParameters, slot: PeerSlot, now = 0): void {
    this.sessions[slot] = session
    this.told[slot] = new Map()
    this.heard[slot] = []
    tables.peerUp(slot, session, now)
  }

  transmit(slot: PeerSlot, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const length = (bytes[at + 16] << 8) | bytes[at + 17]
      if (length < 19 || at + length > bytes.length) throw new Error(`slot ${slot}: broken framing`)
      for (let i = 0; i < 16; i++) if (bytes[at + i] !== 255) throw new Error(`slot ${slot}: broken marker`)
      if (length > this.sessions[slot].maximumMessage) throw new Error(`slot ${slot}: message of ${length} octets`)
      if (bytes[at + 18] === 2) this.#update(slot, bytes, at, at + length)
      else this.heard[slot].push(`refresh ${bytes[at + 20]} subtype ${bytes[at + 21]}`)
      this.messages++
      at += length
    }
    return this.accepts.get(slot) ?? true
  }

  #update(slot: PeerSlot, bytes: Uint8Array, start: number, end: number): void {
    const session = this.sessions[slot]
    const told = this.told[slot]
    const addPath = session.addPathSend
    const context = updateContext({
      as4: session.fourOctetAs,
      ibgp: !session.external,
      addPathIPv4: addPath[0] > 0,
      addPathIPv6: addPath[1] > 0,
    })
    const scan = this.#scan
    if (!scan.scan(bytes, start, end, context)) throw new Error(`slot ${slot}: ${scan.faults[0].reason}`)
    if (scan.endOfRib) {
      this.heard[slot].push(`end-of-rib ${scan.endOfRibAfi === 2 ? 'ipv6' : 'ipv4'}`)
      return
    }
    this.#each(scan.withdrawnStart, scan.withdrawnEnd, 4, addPath[0] > 0, bytes, (key) => {
      told.delete(key)
      this.heard[slot].push(`- ${key}`)
    })
    const { unreach, reach } = scan
    if (unreach.version !== 0) {
      this.#each(unreach.nlriStart, unreach.nlriEnd, unreach.version, unreach.addPath, bytes, (key) => {
        told.delete(key)
        this.heard[slot].push(`- ${key}`)
      })
    }
    if (scan.reachable === 0) return
    const raw = new Uint8Array(scan.blockLength)
    scan.copyBlock(raw, 0)
    if (this.#block.parse(raw, 0, raw.length, context) !== Verdict.accept) {
      throw new Error(`slot ${slot}: ${this.#block.faults[0].reason}`)
    }
    const text = this.#text(session, bytes)
    const take = (key: string) => {
      told.set(key, text)
      this.heard[slot].push(`+ ${key} ${text}`)
    }
    this.#each(scan.nlriStart, scan.nlriEnd, 4, addPath[0] > 0, bytes, take)
    if (reach.version !== 0) {
      this.#each(reach.nlriStart, reach.nlriEnd, reach.version, reach.addPath, bytes, take)
    }
  }

  #each(
    start: number,
    end: number,
    version: 4 | 6,
    addPath: boolean,
    bytes: Uint8Array,
    use: (key: string) => void,
  ): void {
    const cursor = this.#cursor
    cursor.open(bytes, start, end, version, addPath)
    while (cursor.next()) {
      const words = [cursor.word0, cursor.word1, cursor.word2, cursor.word3]
      const address = new Uint8Array(version === 4 ? 4 : 16)
      for (let i = 0; i < address.length; i++) address[i] = words[i >>> 2] >>> (24 - (i & 3) * 8)
      const prefix = prefixOf(address, cursor.length)
      use(addPath ? `${prefix}#${cursor.pathId}` : prefix)
    }
  }

  /** The attributes in a fixed order of words: `nh 10.0.0.1 path 1 2 lp 100 ...`. */
  #text(session: SessionParameters, bytes: Uint8Array): string {
    const block = this.#block
    const { buffer } = block
    const words: string[] = []
    const { reach } = this.#scan
    if (reach.version !== 0) words.push(`nh ${formatHops(bytes.slice(reach.nextHopStart, reach.nextHopEnd))}`)
    else words.push(`nh ${formatIPv4(block.u32(AttributeCode.nextHop))}`)
    const size = session.fourOctetAs ? 4 : 2
    const path = decodeAsPath(buffer, block.start(AttributeCode.asPath), block.end(AttributeCode.asPath), size)
    words.push(`path ${printAsPath(path)}`.trim())
    if (block.has(AttributeCode.med)) words.push(`med ${block.u32(AttributeCode.med)}`)
    if (block.has(AttributeCode.localPref)) words.push(`lp ${block.u32(AttributeCode.localPref)}`)
    if (block.has(AttributeCode.originatorId)) words.push(`orig ${formatIPv4(block.u32(AttributeCode.originatorId))}`)
    const list = (code: number) => {
      const out: number[] = []
      for (let at = block.start(code); at + 4 <= block.end(code); at += 4) {
        out.push(((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0)
      }
      return out
    }
    const clusters = block.has(AttributeCode.clusterList) ? list(AttributeCode.clusterList).map(formatIPv4) : []
    if (clusters.length > 0) words.push(`clusters ${clusters.join(',')}`)
    const communities = block.has(AttributeCode.communities) ? list(AttributeCode.communities) : []
    if (communities.length > 0) words.push(`comm ${communities.map((c) => `${c >>> 16}:${c & 65535}`).join(',')}`)
    const extended = AttributeCode.extendedCommunities
    if (block.has(extended)) {
      const octets = [...buffer.subarray(block.start(extended), block.end(extended))]
      words.push(`ext ${octets.map((octet) => octet.toString(16).padStart(2, '0')).join('')}`)
    }
    if (block.has(AttributeCode.otc)) words.push(`otc ${block.u32(AttributeCode.otc)}`)
    if (block.has(AttributeCode.as4Path)) {
      const path4 = decodeAsPath(buffer, block.start(AttributeCode.as4Path), block.end(AttributeCode.as4Path), 4)
      words.push(`as4path ${printAsPath(path4)}`)
    }
    return words.join(' ')
  }

  event(event: EngineEvent): void {
    this.events.push(event)
  }

  endOfRib(slot: PeerSlot, family: FamilyIndex): void {
    this.endsOfRib.push(`${slot} ${family}`)
  }

  limitReached(slot: PeerSlot, family: FamilyIndex, { action, restartAfter }: PrefixLimit): void {
    this.limits.push({ slot, family, restartAfter: action === 'restart' ? restartAfter : undefined })
  }

  requestRefresh(): void {}

  slotFree(slot: PeerSlot): void {
    this.freed.push(slot)
  }

  nameOf(slot: PeerSlot): string {
    return `peer${slot}`
  }
}

function prefixOf(address: Uint8Array, length: number): string {
  return String(Prefix.from(address, length))
}

function formatHops(bytes: Uint8Array): string {
  if (bytes.length !== 32) return formatAddress(bytes)
  return `${formatAddress(bytes.slice(0, 16))}+${formatAddress(bytes.slice(16))}`
}

function kernelText(route: InstallView): string {
  const hops = route.nextHops.map(
    ({ address, device }) => `${formatAddress(address)}${device === undefined ? '' : ` dev ${device}`}`,
  )
  return `${route.source} ${route.from} via ${hops.join(',')}`
}

/** Works until nothing is pending; a guard against a table that never rests. */
export function settle(tables: RibTables, limit = 64, now = 0): void {
  for (let i = 0; i < 100_000; i++) if (!tables.work(limit, now)) return
  throw new Error('tables never rest')
}
