/**
 * The authentication section of BFD Control packets (RFC 5880 sections 4.2 to 4.4 and 6.7): simple password, keyed and
 * meticulous MD5 and SHA1, with the sequence window that makes a replay useless.
 *
 * Our own sequence number grows with every packet, which section 6.7.3 allows for the keyed types and demands for the
 * meticulous ones: one rule for both.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { HEADER_LENGTH } from './packet.js'

export type AuthenticationType = 'simple' | 'keyed-md5' | 'meticulous-md5' | 'keyed-sha1' | 'meticulous-sha1'

export interface BfdAuthentication {
  readonly type: AuthenticationType
  readonly keyId: number
  readonly key: string
}

interface Kind {
  readonly code: number
  readonly digest?: { readonly algorithm: 'md5' | 'sha1'; readonly length: number }
  readonly meticulous: boolean
}

const KINDS: Readonly<Record<AuthenticationType, Kind>> = {
  simple: { code: 1, meticulous: false },
  'keyed-md5': { code: 2, digest: { algorithm: 'md5', length: 16 }, meticulous: false },
  'meticulous-md5': { code: 3, digest: { algorithm: 'md5', length: 16 }, meticulous: true },
  'keyed-sha1': { code: 4, digest: { algorithm: 'sha1', length: 20 }, meticulous: false },
  'meticulous-sha1': { code: 5, digest: { algorithm: 'sha1', length: 20 }, meticulous: true },
}

/** Type, length, key id, reserved, sequence number; the digest follows. */
const DIGEST_OFFSET = HEADER_LENGTH + 8
const PASSWORD_LIMIT = 16

/** Section 6.8.1: the sequence numbers of both directions, which live as long as the session. */
export interface Sequences {
  sent: number
  received: number
  known: boolean
}

export function newSequences(random: () => number): Sequences {
  return { sent: Math.floor(random() * 0x1_0000_0000), received: 0, known: false }
}

/** Octets the section needs behind the header. */
export function authenticationLength({ type, key }: BfdAuthentication): number {
  const { digest } = KINDS[type]
  return digest === undefined ? 3 + password(key).length : 8 + digest.length
}

function password(key: string): Uint8Array {
  return new TextEncoder().encode(key).subarray(0, PASSWORD_LIMIT)
}

/** Fills the space that `encodeControl` left. */
export function sign(packet: Uint8Array, authentication: BfdAuthentication, sequences: Sequences): void {
  const { code, digest } = KINDS[authentication.type]
  packet[HEADER_LENGTH] = code
  packet[HEADER_LENGTH + 1] = packet.length - HEADER_LENGTH
  packet[HEADER_LENGTH + 2] = authentication.keyId
  if (digest === undefined) {
    packet.set(password(authentication.key), HEADER_LENGTH + 3)
    return
  }
  sequences.sent = (sequences.sent + 1) >>> 0
  new DataView(packet.buffer, packet.byteOffset).setUint32(HEADER_LENGTH + 4, sequences.sent)
  packet.set(digestOf(packet, authentication.key, digest), DIGEST_OFFSET)
}

/** Over the whole packet with the key, filled up with zeros, in the place of the digest. */
function digestOf(packet: Uint8Array, key: string, { algorithm, length }: NonNullable<Kind['digest']>): Uint8Array {
  // Not `slice`: that of a Buffer shares its memory.
  const copy = new Uint8Array(packet)
  const padded = new Uint8Array(length)
  padded.set(new TextEncoder().encode(key).subarray(0, length))
  copy.set(padded, DIGEST_OFFSET)
  return createHash(algorithm).update(copy).digest()
}

/** Section 6.7: why the packet is discarded, in words; undefined when it is genuine. Remembers its sequence number. */
export function verify(
  datagram: Uint8Array,
  authentication: BfdAuthentication,
  sequences: Sequences,
  detectMultiplier: number,
): string | undefined {
  const { code, digest, meticulous } = KINDS[authentication.type]
  // Octets behind the packet's own length are not part of it.
  const packet = datagram.subarray(0, datagram[3])
  const length = authenticationLength(authentication)
  if (packet[HEADER_LENGTH] !== code) return `authentication type ${packet[HEADER_LENGTH]}, expected ${code}`
  if (packet[HEADER_LENGTH + 2] !== authentication.keyId) return `unknown key id ${packet[HEADER_LENGTH + 2]}`
  if (packet[HEADER_LENGTH + 1] !== length || packet.length !== HEADER_LENGTH + length) return 'wrong key'
  if (digest === undefined) {
    return timingSafeEqual(packet.subarray(HEADER_LENGTH + 3), password(authentication.key)) ? undefined : 'wrong key'
  }
  const sequence = new DataView(packet.buffer, packet.byteOffset).getUint32(HEADER_LENGTH + 4)
  const ahead = (sequence - sequences.received) >>> 0
  if (sequences.known && (ahead > 3 * detectMultiplier || (meticulous && ahead === 0)))
    return 'sequence number replayed'
  const given = packet.subarray(DIGEST_OFFSET)
  if (!timingSafeEqual(given, digestOf(packet, authentication.key, digest))) return 'wrong key'
  sequences.received = sequence
  sequences.known = true
  return undefined
}
