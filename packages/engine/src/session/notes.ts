/**
 * What an engineer should know of a session although it is up: families that were configured and do not travel, and
 * families whose routes we could not send for want of a next hop. Silence about either looks like a routing problem.
 */
import { formatAddress } from '@starling/bgp-packet'
import { selfNextHop } from '../policy/next-hop.js'
import { BOTH_FAMILIES, familyNameOf } from './families.js'
import type { Peer } from './peer.js'

export function sessionNotes({ config, current, parameters }: Peer): readonly string[] {
  const negotiated = current?.negotiated
  if (negotiated === undefined || parameters === undefined || current?.state !== 'Established') return []
  const notes: string[] = []
  for (const index of BOTH_FAMILIES) {
    const family = familyNameOf(index)
    const wanted = config.families.find((each) => each.family === family)
    if (wanted === undefined) continue
    if (!negotiated.families[index]) {
      notes.push(`no ${family} routes: the peer does not offer ${family}, activate it there or leave it out here`)
    } else if (lacksNextHop(parameters, index)) {
      notes.push(
        `${family} routes of ours are not sent: ${cure(index, wanted.extendedNextHop, parameters.localAddress)}`,
      )
    }
  }
  return notes
}

/** Our own routes have nothing to point at. IPv6 over an IPv4 session with a link-local address alone is no use either. */
function lacksNextHop(parameters: NonNullable<Peer['parameters']>, index: 0 | 1): boolean {
  if (selfNextHop(parameters, index) === undefined) return true
  return index === 1 && parameters.localAddress.length === 4 && parameters.localAddresses.ipv6 === undefined
}

function cure(index: 0 | 1, extended: boolean, localAddress: Uint8Array): string {
  const where = `beside ${formatAddress(localAddress)} on its interface`
  if (index === 1) return `there is no global IPv6 address ${where} to be their next hop`
  const missing = `there is no IPv4 address ${where} to be their next hop`
  return extended
    ? `${missing}, and the peer does not offer extended next hops (RFC 8950): switch them on there`
    : `${missing}; set extendedNextHop here, and extended next hops (RFC 8950) there`
}
