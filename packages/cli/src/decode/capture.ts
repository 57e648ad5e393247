/**
 * BGP messages out of a capture: reassembled, framed, and decoded with what the two OPENs agreed on.
 *
 * The session parameters are learned from the OPENs in the capture (4-octet AS, ADD-PATH by direction, extended messages, same AS);
 * without them those given on the command line hold.
 */

import {
  type Decoded,
  type DecodeOptions,
  decodeMessage,
  Framer,
  formatAddress,
  MAX_EXTENDED_MESSAGE,
  type Open,
  openAsn,
} from '@starling/bgp-packet'
import { tcpSegments } from './pcap.js'
import { Reassembly } from './reassembly.js'

export interface CapturedMessage {
  readonly time: number
  readonly source: string
  readonly destination: string
  readonly octets: Uint8Array
  readonly decoded: Decoded
  readonly options: DecodeOptions
}

interface Direction {
  reassembly: Reassembly
  framer: Framer
  open: Open | undefined
  broken: boolean
}

const BGP_PORT = 179
const RECEIVE = 1
const SEND = 2

function addPath(sender: Open, receiver: Open, afi: number): boolean {
  const mode = (open: Open): number => {
    for (const capability of open.capabilities) {
      if (capability.kind !== 'addPath') continue
      return capability.entries.find((entry) => entry.afi === afi && entry.safi === 1)?.mode ?? 0
    }
    return 0
  }
  return (mode(sender) & SEND) !== 0 && (mode(receiver) & RECEIVE) !== 0
}

function has(open: Open, kind: string): boolean {
  return open.capabilities.some((capability) => capability.kind === kind)
}

/** What a message from `sender` means. With one OPEN alone what it does not offer is settled, for the rest the defaults hold. */
function optionsOf(sender: Open | undefined, receiver: Open | undefined, defaults: DecodeOptions): DecodeOptions {
  if (sender === undefined || receiver === undefined) {
    const only = sender ?? receiver
    return only === undefined || has(only, 'fourOctetAs') ? defaults : { ...defaults, as4: false }
  }
  return {
    ...defaults,
    as4: has(sender, 'fourOctetAs') && has(receiver, 'fourOctetAs'),
    ibgp: openAsn(sender) === openAsn(receiver),
    extendedMessage: has(sender, 'extendedMessage') && has(receiver, 'extendedMessage'),
    addPathIPv4: addPath(sender, receiver, 1),
    addPathIPv6: addPath(sender, receiver, 2),
  }
}

function fresh(): Direction {
  const framer = new Framer()
  // Whether extended messages were agreed on is judged by the decoder, which knows the OPENs by then.
  framer.setMaximum(MAX_EXTENDED_MESSAGE)
  return { reassembly: new Reassembly(), framer, open: undefined, broken: false }
}

/** All BGP messages of a capture file in the order of their last packet. */
export function* captureMessages(file: Uint8Array, defaults: DecodeOptions): Generator<CapturedMessage> {
  const directions = new Map<string, Direction>()
  const directionOf = (key: string): Direction => {
    const known = directions.get(key)
    if (known !== undefined) return known
    const direction = fresh()
    directions.set(key, direction)
    return direction
  }
  for (const segment of tcpSegments(file, BGP_PORT, formatAddress)) {
    const source = `${segment.source} ${segment.sourcePort}`
    const destination = `${segment.destination} ${segment.destinationPort}`
    const key = `${source} > ${destination}`
    if (segment.syn) directions.set(key, fresh())
    const direction = directionOf(key)
    const other = directionOf(`${destination} > ${source}`)
    for (const chunk of direction.reassembly.push(segment.sequence, segment.syn, segment.payload)) {
      if (direction.broken) continue
      const { framer } = direction
      framer.push(chunk)
      while (framer.next()) {
        const octets = framer.buffer.slice(framer.start, framer.end)
        const options = optionsOf(direction.open, other.open, defaults)
        const decoded = decodeMessage(octets, options)
        if (decoded.message?.type === 'OPEN') direction.open = decoded.message
        yield { time: segment.time, source, destination, octets, decoded, options }
      }
      // A stream that lost its framing says nothing more: the receiver closed the session here.
      if (framer.error !== undefined) direction.broken = true
    }
  }
}
