/**
 * The octets clients send, made before the clock runs: OPEN, and UPDATEs with attributes as a node's or the Internet's.
 */
import {
  ByteWriter,
  encodeAsPath,
  encodeOpen,
  UpdatePacker,
  writeAttribute,
  writeAttributeHeader,
} from '@starling/bgp-packet'
import { AS, addressOf, type Scenario, type Universe } from './scenarios.js'

const MAXIMUM = 4096

export function addressNumber(text: string): number {
  return text.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

export function openOf(client: number): Uint8Array {
  return encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: AS,
    holdTime: 180,
    bgpId: addressNumber(addressOf(client)),
    capabilities: [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'routeRefresh' },
      { kind: 'fourOctetAs', asn: AS },
    ],
  })
}

function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor(((state >>> 8) / 0x1000000) * below)
  }
}

/** ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF of a node's own routes. */
function nodeAttributes(client: number): Uint8Array {
  const block = new ByteWriter(new Uint8Array(64))
  writeAttribute(block, 0x40, 1, Uint8Array.of(0), 0, 1)
  writeAttributeHeader(block, 0x40, 2, 0)
  writeAttributeHeader(block, 0x40, 3, 4)
  block.u32(addressNumber(addressOf(client)))
  writeAttributeHeader(block, 0x40, 5, 4)
  block.u32(100)
  return block.copy()
}

/** Paths of two to seven hops, communities on most, MEDs on some. */
function internetAttributes(client: number, next: (below: number) => number): Uint8Array {
  const block = new ByteWriter(new Uint8Array(512))
  const asns = Array.from({ length: 2 + next(6) }, () => 1000 + next(64000))
  const communities = next(10)
  writeAttribute(block, 0x40, 1, Uint8Array.of(next(12) === 0 ? 2 : 0), 0, 1)
  writeAttributeHeader(block, 0x40, 2, 2 + asns.length * 4)
  encodeAsPath(block, [{ type: 'sequence', asns }], 4)
  writeAttributeHeader(block, 0x40, 3, 4)
  block.u32(addressNumber(addressOf(client)))
  if (next(4) === 0) {
    writeAttributeHeader(block, 0x80, 4, 4)
    block.u32(next(500))
  }
  writeAttributeHeader(block, 0x40, 5, 4)
  block.u32(100)
  if (communities > 0) {
    writeAttributeHeader(block, 0xc0, 8, communities * 4)
    for (let i = 0; i < communities; i++) block.u32(((asns[0] ?? 1) % 65536) * 65536 + next(1000))
  }
  return block.copy()
}

/** A step coprime to every size here: neighbours in a message are no neighbours in a table. */
const STRIDE = 7919

function pack(capacity: number, write: (packer: UpdatePacker) => void): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(capacity))
  const packer = new UpdatePacker(writer)
  write(packer)
  if (writer.overflow) throw new Error('the messages do not fit')
  return writer.copy()
}

/** False, and nothing written, when the message is full. */
function nlri(packer: UpdatePacker, { base, shift, length }: Universe, prefix: number): boolean {
  return packer.add(0, length, base + prefix * 2 ** shift)
}

/** Everything a sender announces; `share` of it, spread evenly, for churn. */
export function announcementsOf(scenario: Scenario, universe: Universe, client: number, share = 1): Uint8Array {
  const count = scenario.prefixesOfSender
  const first = client * count
  const taken = Math.floor(count * share)
  return pack(256 + taken * 80, (packer) => {
    if (!scenario.internet) {
      packer.beginAnnounce(MAXIMUM, false, nodeAttributes(client))
      for (let i = 0; i < taken; i++) nlri(packer, universe, first + i)
      packer.finish()
      return
    }
    const next = random(client + 1)
    for (let i = 0; i < taken; ) {
      packer.beginAnnounce(MAXIMUM, false, internetAttributes(client, next))
      for (let run = 1 + next(12); run > 0 && i < taken; run--) nlri(packer, universe, first + ((i++ * STRIDE) % count))
      packer.finish()
    }
  })
}

export function withdrawalsOf(scenario: Scenario, universe: Universe, client: number, share: number): Uint8Array {
  const count = scenario.prefixesOfSender
  const taken = Math.floor(count * share)
  return pack(256 + taken * 8, (packer) => {
    packer.beginWithdraw(MAXIMUM, false)
    for (let i = 0; i < taken; i++) {
      const prefix = client * count + ((i * STRIDE) % count)
      if (nlri(packer, universe, prefix)) continue
      packer.finish()
      packer.beginWithdraw(MAXIMUM, false)
      nlri(packer, universe, prefix)
    }
    packer.finish()
  })
}

/** The prefixes that {@link withdrawalsOf} names. */
export function churned(scenario: Scenario, client: number, share: number): number[] {
  const count = scenario.prefixesOfSender
  return Array.from({ length: Math.floor(count * share) }, (_, i) => client * count + ((i * STRIDE) % count))
}

/** One route, announced or withdrawn. */
export function single(universe: Universe, client: number, announce: boolean): Uint8Array {
  return pack(256, (packer) => {
    if (announce) packer.beginAnnounce(MAXIMUM, false, nodeAttributes(client))
    else packer.beginWithdraw(MAXIMUM, false)
    nlri(packer, universe, universe.singles + client)
    packer.finish()
  })
}
