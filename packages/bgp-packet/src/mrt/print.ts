/**
 * MRT records as the lines that `bgpdump -m` prints: one per route, fields between bars.
 *
 *   BGP4MP|time|A|peer|AS|prefix|path|origin|next hop|LOCAL_PREF|MED|communities|AG or NAG|aggregator|
 */

import { formatIPv4 } from '../address.js'
import { printAsPath } from '../attributes/as-path.js'
import { MessageType } from '../constants.js'
import { updateContext } from '../update/context.js'
import { decodeUpdate, installable } from '../update/decode.js'
import type { Prefix, UpdateAttributes } from '../update/values.js'
import { decodeRibAttributes, mergedAsPath } from './attributes.js'
import type { MrtMessage, MrtPeer, MrtRecord } from './records.js'

/** bgpdump's word for one well-known community differs from the registry's. */
function communityText(attributes: UpdateAttributes): string {
  return (attributes.communities ?? [])
    .map((value) => {
      if (value === 0xffffff01) return 'no-export'
      if (value === 0xffffff02) return 'no-advertise'
      if (value === 0xffffff03) return 'local-AS'
      return `${value >>> 16}:${value & 0xffff}`
    })
    .join(' ')
}

function routeFields(attributes: UpdateAttributes, nextHop: string): string {
  const path = printAsPath(mergedAsPath(attributes) ?? [])
  const aggregator = attributes.as4Aggregator ?? attributes.aggregator
  return [
    path,
    attributes.origin ?? '',
    nextHop,
    attributes.localPref ?? 0,
    attributes.med ?? 0,
    communityText(attributes),
    attributes.atomicAggregate === true ? 'AG' : 'NAG',
    aggregator === undefined ? '' : `${aggregator.asn} ${formatIPv4(aggregator.address)}`,
    '',
  ].join('|')
}

type Timed = Pick<MrtMessage, 'fineTime' | 'timestamp' | 'microseconds'>

const bgp4mp = ({ fineTime }: Timed): string => (fineTime ? 'BGP4MP_ET' : 'BGP4MP')

const timeText = ({ fineTime, timestamp, microseconds }: Timed): string =>
  fineTime ? `${timestamp}.${String(microseconds).padStart(6, '0')}` : String(timestamp)

function printMessage(record: MrtMessage): string[] {
  const { buffer, start, end, as4, addPath, peerAddress, peerAs } = record
  if (buffer[start + 18] !== MessageType.update) return []
  const flags = { as4, ibgp: true, confederation: true, addPathIPv4: addPath, addPathIPv6: addPath }
  const { update, fault } = decodeUpdate(buffer, start, end, updateContext(flags))
  const name = `${bgp4mp(record)}${addPath ? '_AP' : ''}`
  const head = (kind: string) => `${name}|${timeText(record)}|${kind}|${peerAddress}|${peerAs}|`
  const prefix = (each: Prefix) => (each.pathId === undefined ? each.prefix : `${each.prefix}|${each.pathId}`)
  const { attributes } = update
  const lines = [...update.withdrawn, ...(attributes.mpUnreach?.withdrawn ?? [])].map(
    (each) => head('W') + prefix(each),
  )
  const announced = [...update.nlri, ...(attributes.mpReach?.nlri ?? [])]
  if (!installable(fault)) return [...lines, ...announced.map((each) => head('W') + prefix(each))]
  const hop = attributes.nextHop === undefined ? undefined : formatIPv4(attributes.nextHop)
  for (const each of update.nlri) lines.push(`${head('A')}${prefix(each)}|${routeFields(attributes, hop ?? '')}`)
  const reach = attributes.mpReach
  for (const each of reach?.nlri ?? []) {
    lines.push(`${head('A')}${prefix(each)}|${routeFields(attributes, reach?.nextHop ?? '')}`)
  }
  return lines
}

/** Lines of one record. `peers` is the last peer index table, which TABLE_DUMP_V2 needs. */
export function printMrt(record: MrtRecord, peers: readonly MrtPeer[] = []): string[] {
  switch (record.kind) {
    case 'message':
      return printMessage(record)
    case 'state-change': {
      const { peerAddress, peerAs, oldState, newState } = record
      return [`${bgp4mp(record)}|${timeText(record)}|STATE|${peerAddress}|${peerAs}|${oldState}|${newState}`]
    }
    case 'rib':
      return record.entries.map((entry) => {
        const peer = entry.peer ?? peers[entry.peerIndex]
        const { attributesStart, attributesEnd } = entry
        const { attributes, nextHop } = decodeRibAttributes(record.buffer, attributesStart, attributesEnd, record.as4)
        const name = record.as4 ? `TABLE_DUMP2${record.addPath ? '_AP' : ''}` : 'TABLE_DUMP'
        const pathId = entry.pathId === undefined ? '' : `|${entry.pathId}`
        const head = `${name}|${record.timestamp}|B|${peer?.address ?? ''}|${peer?.asn ?? 0}|${record.prefix}${pathId}`
        // bgpdump's words for what an entry lacks, as the local routes of a collector do.
        return `${head}|${routeFields({ origin: 'INCOMPLETE', ...attributes }, nextHop ?? '255.255.255.255')}`
      })
    default:
      return []
  }
}
