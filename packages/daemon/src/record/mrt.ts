/**
 * A recording as MRT (RFC 6396), for tools that read nothing else: what the peer said, message by message, and when the
 * session came and went. With ADD-PATH in the subtypes of RFC 8050, per message: the families of one session may differ.
 *
 * What bytes mean was settled by the two OPENs: the peer's is in the recording, ours follows from the configuration.
 */
import {
  decodeMessage,
  encodeMrtMessage,
  encodeMrtStateChange,
  Framer,
  MAX_EXTENDED_MESSAGE,
  type MrtSession,
  type Open,
  openAsn,
  type Update,
} from '@starling/bgp-packet'
import type { FamilyName } from '@starling/engine'
import type { RecordedConfig, RecordedLine } from './lines.js'

/** RFC 6396 section 4.4.1. */
const STATES = ['', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']
const SEND = 2

interface Meaning {
  readonly peerAs: number
  readonly as4: boolean
  readonly addPath: readonly FamilyName[]
}

interface Stream {
  readonly framer: Framer
  readonly remote: string
  readonly local: string
  meaning: Meaning
}

export function* recordingToMrt(lines: readonly RecordedLine[]): Generator<Uint8Array> {
  const [start] = lines
  if (start === undefined || !('input' in start) || start.input !== 'start') throw new Error('no start line')
  const { config } = start
  const streams = new Map<number, Stream>()
  let last: Stream | undefined
  for (const line of lines) {
    if ('output' in line && line.output === 'event' && line.event.type === 'session-state' && last !== undefined) {
      const [from, to] = [line.event['from'], line.event['to']].map((state) => STATES.indexOf(String(state)))
      yield encodeMrtStateChange(timeOf(line.at), sessionOf(last, config), from ?? 0, to ?? 0)
    }
    if (!('connection' in line)) continue
    if (line.input === 'incoming' || line.input === 'opened') {
      const { remoteAddress, localAddress } = line.endpoints
      const framer = new Framer()
      framer.setMaximum(MAX_EXTENDED_MESSAGE)
      const meaning = { peerAs: 0, as4: true, addPath: [] }
      streams.set(line.connection, { framer, remote: bare(remoteAddress), local: bare(localAddress), meaning })
    }
    const stream = streams.get(line.connection)
    if (stream === undefined || line.input !== 'received') continue
    last = stream
    const { framer } = stream
    framer.push(Buffer.from(line.bytes, 'hex'))
    while (framer.next()) yield message(framer.buffer.slice(framer.start, framer.end), stream, config, line.at)
  }
}

function message(octets: Uint8Array, stream: Stream, config: RecordedConfig, at: number): Uint8Array {
  const { as4, addPath } = stream.meaning
  const families = { addPathIPv4: addPath.includes('ipv4'), addPathIPv6: addPath.includes('ipv6') }
  const decoded = decodeMessage(octets, { as4, ...families, extendedMessage: true, confederationUnknown: true }).message
  if (decoded?.type === 'OPEN') stream.meaning = meaningOf(decoded, config)
  const withPaths = decoded?.type === 'UPDATE' && familiesOf(decoded).some((family) => addPath.includes(family))
  return encodeMrtMessage(timeOf(at), sessionOf(stream, config), octets, withPaths, stream.meaning.as4)
}

function meaningOf(open: Open, { peer }: RecordedConfig): Meaning {
  const offered = open.capabilities.flatMap((each) => (each.kind === 'addPath' ? each.entries : []))
  const sends = (afi: number): boolean =>
    offered.some((entry) => entry.afi === afi && entry.safi === 1 && (entry.mode & SEND) !== 0)
  return {
    peerAs: openAsn(open),
    as4: peer.fourOctetAs && open.capabilities.some(({ kind }) => kind === 'fourOctetAs'),
    addPath: peer.families
      .filter(({ family, addPath }) => addPath.receive && sends(family === 'ipv4' ? 1 : 2))
      .map(({ family }) => family),
  }
}

function familiesOf({ withdrawn, nlri, attributes }: Update): readonly FamilyName[] {
  const { mpReach, mpUnreach } = attributes
  const plain: FamilyName[] = withdrawn.length + nlri.length > 0 ? ['ipv4'] : []
  return [...plain, ...[mpReach, mpUnreach].flatMap((each) => (each === undefined ? [] : [familyOf(each.afi)]))]
}

const familyOf = (afi: number): FamilyName => (afi === 2 ? 'ipv6' : 'ipv4')

/** MRT knows no zones. */
const bare = (address: string): string => address.split('%')[0] ?? ''

const sessionOf = ({ meaning, remote, local }: Stream, { peer }: RecordedConfig): MrtSession => ({
  peerAs: meaning.peerAs,
  localAs: peer.localAs,
  interfaceIndex: 0,
  afi: remote.includes(':') ? 2 : 1,
  peerAddress: remote,
  localAddress: local,
})

function timeOf(at: number): { readonly timestamp: number; readonly microseconds: number } {
  const timestamp = Math.floor(at / 1000)
  return { timestamp, microseconds: Math.floor((at - timestamp * 1000) * 1000) }
}
