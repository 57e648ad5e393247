/**
 * What the warm-up feeds its scratch engine with: OPENs, a small internet, the four blocks of a cluster node.
 *
 * V8 compiles for what it has seen, and compiles again when something else comes. So the table has what tables of the
 * world have: addresses in both halves of the number range, several lengths, sets of one route and of twenty, AS paths of
 * every length, optional attributes here and there. Deterministic: a start must not depend on luck.
 */
import { encodeOpen, KEEPALIVE } from '@starling/bgp-packet'

export const SCRATCH_AS = 64512
const HEADER = 19

/** A generator of its own: uniform below `limit`. */
export function generator(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % limit
  }
}

export function openOf(peer: number): Uint8Array {
  const capabilities = [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'multiprotocol', afi: 2, safi: 1 },
    { kind: 'fourOctetAs', asn: SCRATCH_AS },
  ] as const
  return encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: SCRATCH_AS,
    holdTime: 90,
    bgpId: 0xc0000200 + peer,
    capabilities,
  })
}

type Octets = number[]

function put32(out: Octets, value: number): void {
  out.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}

/** Appends an UPDATE. */
function update(out: Octets, withdrawn: Octets, attributes: Octets, nlri: Octets): void {
  const length = HEADER + 4 + withdrawn.length + attributes.length + nlri.length
  for (let i = 0; i < 16; i++) out.push(255)
  out.push(length >> 8, length & 255, 2, withdrawn.length >> 8, withdrawn.length & 255)
  for (const octet of withdrawn) out.push(octet)
  out.push(attributes.length >> 8, attributes.length & 255)
  for (const octet of attributes) out.push(octet)
  for (const octet of nlri) out.push(octet)
}

/** ORIGIN, AS_PATH, NEXT_HOP and LOCAL_PREF; `rich`: the rest of what is seen in the world, too. */
function attributesOf(peer: number, random: (limit: number) => number, rich: boolean): Octets {
  const hops = rich ? random(7) : 0
  const out: Octets = [0x40, 1, 1, rich ? random(3) : 0, 0x40, 2, hops === 0 ? 0 : 2 + hops * 4]
  if (hops > 0) out.push(2, hops)
  for (let i = 0; i < hops; i++) put32(out, 1000 + random(200_000))
  out.push(0x40, 3, 4, 192, 0, 2, peer)
  if (rich && random(3) === 0) out.push(0x80, 4, 4, 0, 0, random(256), random(256))
  out.push(0x40, 5, 4, 0, 0, 0, 100)
  if (rich && random(8) === 0) out.push(0x40, 6, 0, 0xc0, 7, 8, 0, 0, 4, random(256), 192, 0, 2, random(256))
  const communities = rich ? random(5) : 0
  if (communities > 0) out.push(0xc0, 8, communities * 4)
  for (let i = 0; i < communities; i++) put32(out, random(1 << 24))
  if (rich && random(10) === 0) out.push(0xc0, 32, 12, 0, 0, 4, random(256), 0, 0, 0, 1, 0, 0, 0, random(256))
  return out
}

/** The prefixes of table row `index`: mostly /24, some shorter; the same ones for the same index. */
function tablePrefix(out: Octets, index: number): void {
  const length = index % 3 === 0 ? 16 + (index % 8) : 24
  out.push(length, 1 + (index % 220), (index >> 5) & 255)
  if (length > 16) out.push((index << 3) & 255)
}

/**
 * `routes` routes of a small internet, in messages of one to twenty; another `variant` has other attributes. Most sets have
 * one or two routes: what runs once for each set must be warm as well as what runs for each route.
 */
export function table(peer: number, routes: number, variant: number): Uint8Array {
  const out: Octets = []
  const random = generator(variant + 1)
  for (let index = 0; index < routes; ) {
    const size = random(4) === 0 ? 1 + random(20) : 1 + random(2)
    const nlri: Octets = []
    for (let i = 0; i < size && index < routes; i++) tablePrefix(nlri, index++)
    update(out, [], attributesOf(peer, random, true), nlri)
  }
  return Uint8Array.from(out)
}

/** Withdraws every `step`th route of {@link table}. */
export function withdrawals(routes: number, step: number): Uint8Array {
  const out: Octets = []
  for (let index = 0; index < routes; ) {
    const withdrawn: Octets = []
    for (; index < routes && withdrawn.length < 2000; index += step) tablePrefix(withdrawn, index)
    update(out, withdrawn, [], [])
  }
  return Uint8Array.from(out)
}

/** A cluster node's four blocks, announced or withdrawn in one message. */
export function blocks(peer: number, announce: boolean): Uint8Array {
  const list: Octets = []
  for (let i = 0; i < 4; i++) list.push(26, 10, 128 + (peer >> 6), (peer << 2) & 255, i << 6)
  const out: Octets = []
  if (announce) update(out, [], attributesOf(peer, generator(peer), false), list)
  else update(out, list, [], [])
  return Uint8Array.from(out)
}

/** One more route of a node, changed again and again. */
export function single(peer: number, announce: boolean): Uint8Array {
  const route = [32, 10, 255, peer, 1]
  const out: Octets = []
  if (announce) update(out, [], attributesOf(peer, generator(peer), false), route)
  else update(out, route, [], [])
  return Uint8Array.from(out)
}

export function keepalives(count: number): Uint8Array {
  const out = new Uint8Array(count * KEEPALIVE.length)
  for (let i = 0; i < count; i++) out.set(KEEPALIVE, i * KEEPALIVE.length)
  return out
}
