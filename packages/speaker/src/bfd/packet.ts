/**
 * BFD Control packets, bytes to values and back (RFC 5880 section 4.1), and the checks of section 6.8.6 that need no
 * session. The authentication section is only found here; `authentication.ts` judges it.
 *
 *    0                   1                   2                   3
 *   |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *   |                       My Discriminator                        |
 *   |                      Your Discriminator                       |
 *   |                    Desired Min TX Interval                    |
 *   |                   Required Min RX Interval                    |
 *   |                 Required Min Echo RX Interval                 |
 */

export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const
/** In the order of their codes. */
export type BfdState = (typeof BFD_STATES)[number]

/** RFC 5880 section 4.1, by code. */
export const DIAGNOSTICS = [
  'No Diagnostic',
  'Control Detection Time Expired',
  'Echo Function Failed',
  'Neighbor Signaled Session Down',
  'Forwarding Plane Reset',
  'Path Down',
  'Concatenated Path Down',
  'Administratively Down',
  'Reverse Concatenated Path Down',
] as const

export const Diagnostic = {
  none: 0,
  detectionTimeExpired: 1,
  neighborSignaledDown: 3,
  administrativelyDown: 7,
} as const

export interface ControlPacket {
  readonly diagnostic: number
  readonly state: BfdState
  readonly poll: boolean
  readonly final: boolean
  readonly authenticated: boolean
  readonly demand: boolean
  readonly detectMultiplier: number
  readonly myDiscriminator: number
  readonly yourDiscriminator: number
  /** Microseconds, as all intervals on the wire. */
  readonly desiredMinTx: number
  readonly requiredMinRx: number
}

export const HEADER_LENGTH = 24
const VERSION = 1
const FLAG = { poll: 0x20, final: 0x10, authentication: 0x04, demand: 0x02, multipoint: 0x01 } as const

/** The packet without its authentication section; `authenticationLength` octets are left for it at the end. */
export function encodeControl(packet: ControlPacket, authenticationLength = 0): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + authenticationLength)
  const view = new DataView(bytes.buffer)
  bytes[0] = (VERSION << 5) | (packet.diagnostic & 31)
  bytes[1] =
    (BFD_STATES.indexOf(packet.state) << 6) |
    (packet.poll ? FLAG.poll : 0) |
    (packet.final ? FLAG.final : 0) |
    (packet.authenticated ? FLAG.authentication : 0) |
    (packet.demand ? FLAG.demand : 0)
  bytes[2] = packet.detectMultiplier
  bytes[3] = bytes.length
  view.setUint32(4, packet.myDiscriminator)
  view.setUint32(8, packet.yourDiscriminator)
  view.setUint32(12, packet.desiredMinTx)
  view.setUint32(16, packet.requiredMinRx)
  return bytes
}

/** Why a packet is discarded, in the order of RFC 5880 section 6.8.6. */
export type Malformed =
  | 'version'
  | 'length'
  | 'detect multiplier 0'
  | 'multipoint'
  | 'my discriminator 0'
  | 'your discriminator 0'

export function decodeControl(bytes: Uint8Array): ControlPacket | Malformed {
  if (bytes.length < HEADER_LENGTH) return 'length'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = view.getUint8(0)
  if (first >> 5 !== VERSION) return 'version'
  const flags = view.getUint8(1)
  const authenticated = (flags & FLAG.authentication) !== 0
  const length = view.getUint8(3)
  if (length < (authenticated ? HEADER_LENGTH + 2 : HEADER_LENGTH) || length > bytes.length) return 'length'
  const detectMultiplier = view.getUint8(2)
  if (detectMultiplier === 0) return 'detect multiplier 0'
  if ((flags & FLAG.multipoint) !== 0) return 'multipoint'
  const myDiscriminator = view.getUint32(4)
  if (myDiscriminator === 0) return 'my discriminator 0'
  const yourDiscriminator = view.getUint32(8)
  const state = BFD_STATES[flags >> 6] ?? 'Down'
  if (yourDiscriminator === 0 && state !== 'Down' && state !== 'AdminDown') return 'your discriminator 0'
  return {
    diagnostic: first & 31,
    state,
    poll: (flags & FLAG.poll) !== 0,
    final: (flags & FLAG.final) !== 0,
    authenticated,
    demand: (flags & FLAG.demand) !== 0,
    detectMultiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTx: view.getUint32(12),
    requiredMinRx: view.getUint32(16),
  }
}
