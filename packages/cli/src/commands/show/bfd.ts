/**
 * `show bfd`: the BFD session beside each peering, and how punctual its timers are.
 */
import type { BfdView } from '@starling/engine'
import { type Column, table } from '../../output/table.js'
import { age } from '../../output/text.js'
import type { PeerJson, Presented } from './views.js'

export type BfdJson = Presented<BfdView>
type Row = PeerJson & { readonly bfd: BfdJson }

const milliseconds = (value: number): string => `${Number(value.toFixed(1))} ms`

/** Why it is not Up, or what went wrong last. */
export function bfdNotes({ problem, state, diagnostic, remoteState, remoteDiagnostic }: BfdJson): string {
  if (problem !== '') return problem
  if (state === 'Up') return ''
  if (remoteState === 'AdminDown') return 'switched off by the peer'
  const words = [diagnostic === 'No Diagnostic' ? '' : diagnostic]
  if (remoteDiagnostic !== 'No Diagnostic') words.push(`peer: ${remoteDiagnostic}`)
  return words.filter((word) => word !== '').join('; ') || 'nothing heard yet'
}

const COLUMNS: readonly Column<Row>[] = [
  { heading: 'PEER', value: (peer) => peer.name },
  { heading: 'ADDRESS', value: (peer) => peer.remoteAddress, wide: true },
  { heading: 'STATE', value: ({ bfd }) => bfd.state, colour: ({ bfd }) => (bfd.state === 'Up' ? 'green' : 'red') },
  { heading: 'SINCE', value: ({ bfd }) => age(bfd.age) },
  { heading: 'KIND', value: ({ bfd }) => (bfd.multihop ? 'multihop' : 'single hop') },
  { heading: 'SENDS EVERY', value: ({ bfd }) => milliseconds(bfd.transmitInterval) },
  { heading: 'DETECTS IN', value: ({ bfd }) => milliseconds(bfd.detectionTime) },
  { heading: 'DOWNS', value: ({ bfd }) => bfd.downs, colour: ({ bfd }) => (bfd.downs > 0 ? 'yellow' : undefined) },
  { heading: 'PACKETS IN', value: ({ bfd }) => bfd.packetsReceived, wide: true },
  { heading: 'PACKETS OUT', value: ({ bfd }) => bfd.packetsSent, wide: true },
  { heading: 'REFUSED', value: ({ bfd }) => bfd.packetsDiscarded, wide: true },
  { heading: 'INFO', value: ({ bfd }) => bfdNotes(bfd) },
]

export function withBfd(peers: readonly PeerJson[]): Row[] {
  return peers.flatMap((peer) => (peer.bfd === undefined ? [] : [{ ...peer, bfd: peer.bfd }]))
}

export function bfdTable(rows: readonly Row[], style: Parameters<typeof table>[2]): string {
  return rows.length === 0 ? 'No peer has BFD.\n' : table(rows, COLUMNS, style)
}

/** One line for the details of a peer. */
export function bfdLine(bfd: BfdJson | undefined): string | undefined {
  if (bfd === undefined) return undefined
  const timing = `every ${milliseconds(bfd.transmitInterval)}, detects in ${milliseconds(bfd.detectionTime)}`
  const notes = bfdNotes(bfd)
  return `${bfd.state} for ${age(bfd.age)}, ${timing}${notes === '' ? '' : `: ${notes}`}`
}
