/**
 * Capabilities as JSON with the field names of the README, and as one line of text.
 */

import type { Json } from '../attributes/descriptor.js'
import { familyName } from '../constants.js'
import { hexOf, printable } from '../text.js'
import { capabilityCode, capabilityName } from './table.js'
import { type Capability, type Family, ROLE_NAMES } from './values.js'

const ADD_PATH_MODES = ['', 'receive', 'send', 'both']

function family({ afi, safi }: Family): string {
  return familyName(afi, safi)
}

/** `{"code": 1, "name": "multiprotocol", "family": "ipv4 unicast", ...}`. */
export function capabilityToJson(capability: Capability): Json {
  const code = capabilityCode(capability)
  const head = { code, name: capabilityName(code) }
  switch (capability.kind) {
    case 'multiprotocol':
      return { ...head, family: family(capability), afi: capability.afi, safi: capability.safi }
    case 'outboundRouteFiltering':
      return {
        ...head,
        entries: capability.entries.map((e) => ({ family: family(e), filters: e.filters.map((f) => ({ ...f })) })),
      }
    case 'extendedNextHop':
      return { ...head, entries: capability.entries.map((e) => ({ family: family(e), nextHopAfi: e.nextHopAfi })) }
    case 'role':
      return { ...head, role: ROLE_NAMES[capability.role] ?? capability.role }
    case 'gracefulRestart':
      return {
        ...head,
        restarting: capability.restarting,
        notification: capability.notification,
        restartTime: capability.restartTime,
        families: capability.families.map((e) => ({ family: family(e), forwarding: e.forwarding })),
      }
    case 'fourOctetAs':
      return { ...head, asn: capability.asn }
    case 'addPath':
      return {
        ...head,
        entries: capability.entries.map((e) => ({ family: family(e), mode: ADD_PATH_MODES[e.mode] ?? e.mode })),
      }
    case 'longLivedGracefulRestart':
      return {
        ...head,
        families: capability.families.map((e) => ({
          family: family(e),
          forwarding: e.forwarding,
          staleTime: e.staleTime,
        })),
      }
    case 'fqdn':
      return { ...head, hostname: capability.hostname, domain: capability.domain }
    case 'softwareVersion':
      return { ...head, version: capability.version }
    case 'opaque':
      return { ...head, data: hexOf(capability.data) }
    default:
      return head
  }
}

/** "add-path ipv4 unicast both, ipv6 unicast receive". */
export function printCapability(capability: Capability): string {
  const name = capabilityName(capabilityCode(capability))
  switch (capability.kind) {
    case 'multiprotocol':
      return `${name} ${family(capability)}`
    case 'outboundRouteFiltering':
      return `${name} ${capability.entries.map((e) => `${family(e)} ${e.filters.map((f) => `${f.type}/${f.mode}`).join(' ')}`).join(', ')}`
    case 'extendedNextHop':
      return `${name} ${capability.entries.map((e) => `${family(e)} via afi ${e.nextHopAfi}`).join(', ')}`
    case 'role':
      return `${name} ${ROLE_NAMES[capability.role] ?? capability.role}`
    case 'gracefulRestart': {
      const flags = `${capability.restarting ? ' restarting' : ''}${capability.notification ? ' notification' : ''}`
      const list = capability.families.map((e) => `${family(e)}${e.forwarding ? ' (forwarding)' : ''}`).join(', ')
      return `${name} time ${capability.restartTime}${flags}${list === '' ? '' : `: ${list}`}`
    }
    case 'fourOctetAs':
      return `${name} ${capability.asn}`
    case 'addPath':
      return `${name} ${capability.entries.map((e) => `${family(e)} ${ADD_PATH_MODES[e.mode] || `mode ${e.mode}`}`).join(', ')}`
    case 'longLivedGracefulRestart':
      // Without families it only says that its speaker knows what stale means.
      return `${name} ${capability.families.map((e) => `${family(e)} ${e.staleTime} s${e.forwarding ? ' (forwarding)' : ''}`).join(', ')}`.trimEnd()
    case 'fqdn':
      return `${name} ${printable(capability.hostname)}${capability.domain === '' ? '' : `.${printable(capability.domain)}`}`
    case 'softwareVersion':
      return `${name} ${JSON.stringify(printable(capability.version))}`
    case 'opaque':
      return capability.data.length === 0 ? name : `${name} [${hexOf(capability.data)}]`
    default:
      return name
  }
}
