/**
 * `show peers [NAME]`: who we speak to, how it goes, and the cause where it does not (ux.md 1 and 8).
 */
import { type Column, details, table } from '../../output/table.js'
import { age, type Colour, counted } from '../../output/text.js'
import { bfdLine } from './bfd.js'
import { discoveryLine, discoveryTraffic } from './discovery.js'
import type { PeerJson } from './views.js'

type Count = 'received' | 'accepted' | 'preferred' | 'sent' | 'stale'

const total = (peer: PeerJson, field: Count): number => peer.families.reduce((sum, family) => sum + family[field], 0)

function stateColour(peer: PeerJson): Colour {
  if (peer.state === 'Established') return total(peer, 'stale') > 0 ? 'yellow' : 'green'
  return peer.enabled ? 'red' : 'grey'
}

function stateText(peer: PeerJson): string {
  return peer.enabled || peer.state === 'Established' ? peer.state : 'Idle(admin)'
}

/** What is worth a word beside the state. */
function info(peer: PeerJson): string {
  const notes: string[] = []
  if (peer.reason !== '') notes.push(peer.reason)
  else if (peer.state !== 'Established' && peer.lastError !== undefined) {
    notes.push(`${peer.lastError.direction} ${peer.lastError.name}`)
  }
  notes.push(...(peer.notes ?? []))
  if (peer.gracefulRestart.staleUntil !== undefined) notes.push(`${total(peer, 'stale')} stale kept`)
  if (peer.lagging) notes.push('lagging')
  if (peer.bfd !== undefined && peer.bfd.state !== 'Up' && peer.state === 'Established')
    notes.push(`BFD ${peer.bfd.state}`)
  if (peer.discovery?.neighbor !== undefined) notes.push(`router ${peer.discovery.neighbor}`)
  return notes.join('; ')
}

const COLUMNS: readonly Column<PeerJson>[] = [
  { heading: 'NAME', value: (peer) => peer.name },
  { heading: 'NODE', value: (peer) => peer.node, spare: 8 },
  { heading: 'ADDRESS', value: (peer) => (peer.key.startsWith('%') ? peer.remoteAddress : peer.key), wide: true },
  { heading: 'KIND', value: (peer) => peer.kind, spare: 7 },
  { heading: 'AS', value: (peer) => peer.remoteAs, spare: 6 },
  { heading: 'TYPE', value: (peer) => (peer.type === 'unknown' ? '-' : peer.type.slice(0, 3)), wide: true },
  { heading: 'STATE', value: stateText, colour: stateColour },
  { heading: 'SINCE', value: (peer) => age(peer.age), spare: 2 },
  { heading: 'RECEIVED', value: (peer) => total(peer, 'received'), spare: 3 },
  { heading: 'ACCEPTED', value: (peer) => total(peer, 'accepted'), spare: 9 },
  { heading: 'SENT', value: (peer) => total(peer, 'sent'), spare: 4 },
  {
    heading: 'FLAPS',
    value: (peer) => peer.flaps,
    colour: (peer) => (peer.flaps > 0 ? 'yellow' : undefined),
    spare: 5,
  },
  { heading: 'MSGS IN', value: (peer) => peer.messagesReceived.total, wide: true },
  { heading: 'MSGS OUT', value: (peer) => peer.messagesSent.total, wide: true },
  { heading: 'HOLD', value: (peer) => peer.holdTime, wide: true },
  { heading: 'BFD', value: (peer) => peer.bfd?.state, wide: true },
  { heading: 'GROUP', value: (peer) => peer.group, wide: true },
  { heading: 'WHY', value: (peer) => whyText(peer), wide: true },
  { heading: 'INFO', value: info, words: true },
]

function whyText(peer: PeerJson): string {
  const { resource, field } = peer.why
  return field === undefined ? resource : `${resource} ${field}`
}

export function peersTable(peers: readonly PeerJson[], style: Parameters<typeof table>[2]): string {
  if (peers.length === 0) return 'No peers.\n'
  // A reflector without a datastore, or a ToR, knows nobody's node: no empty column then.
  const nodes = peers.some(({ node }) => node !== undefined)
  return table(
    peers,
    COLUMNS.filter(({ heading }) => nodes || heading !== 'NODE'),
    style,
  )
}

/** One capability, whatever it carries; each family of multiprotocol is a capability of its own. */
const capabilityKind = (text: string): string =>
  text.startsWith('multiprotocol ') ? text : (text.split(' ', 1)[0] ?? '')

/** Both may know a capability and say different things in it: the AS number always, restart times and families often. */
export function capabilityLines(peer: Pick<PeerJson, 'capabilities'>): string {
  const { advertised, received } = peer.capabilities
  const without = (all: readonly string[], others: readonly string[]) => {
    const kinds = new Set(others.map(capabilityKind))
    return all.filter((text) => !kinds.has(capabilityKind(text))).join(', ')
  }
  const content = (text: string) => text.slice(capabilityKind(text).length).trim() || 'nothing in it'
  const differing = advertised.flatMap((ours) => {
    const theirs = received.find((text) => capabilityKind(text) === capabilityKind(ours))
    if (theirs === undefined || received.includes(ours)) return []
    return [`${capabilityKind(ours)} (ours: ${content(ours)}; theirs: ${content(theirs)})`]
  })
  return details([
    ['Capabilities, both', advertised.filter((text) => received.includes(text)).join(', ')],
    ...differing.map((text) => ['  differing', text] as const),
    ['  only ours', without(advertised, received)],
    ['  only theirs', without(received, advertised)],
  ])
}

export function peerDetails(peer: PeerJson, style: Parameters<typeof table>[2]): string {
  const error = peer.lastError
  const said = error?.text === undefined || error.text === '' ? '' : ` "${error.text}"`
  const head = details([
    ['Name', peer.name],
    ['Node', peer.node],
    ['Description', peer.description],
    ['Kind', peer.kind],
    ['Because of', `${whyText(peer)}: ${peer.why.rule}`],
    ['Address', peer.remotePort === 179 ? peer.remoteAddress : `${peer.remoteAddress} port ${peer.remotePort}`],
    ['Local address', peer.localAddress],
    ['Interface', peer.interface],
    ['Router', discoveryLine(peer.discovery)],
    ['Router messages', discoveryTraffic(peer.discovery)],
    ['AS', `${peer.remoteAs ?? 'any'} (${peer.type}), local ${peer.localAs}`],
    ['Router ID', peer.remoteRouterId],
    ['State', `${stateText(peer)} for ${age(peer.age)} (since ${peer.since})`],
    ['Reason', peer.reason],
    ...(peer.notes ?? []).map((note) => ['Note', note] as const),
    ['Next attempt', peer.nextRetry],
    ['Passive', peer.passive ? 'yes, only listens' : undefined],
    ['Reflector client', peer.routeReflectorClient ? 'yes' : undefined],
    ['Hold time', `${peer.holdTime} s negotiated, ${peer.configuredHoldTime} s configured`],
    ['Keepalive', `${peer.keepaliveTime} s`],
    ['Established', `${counted(peer.established, 'time')}, ${counted(peer.flaps, 'flap')}`],
    ['Last error', error === undefined ? undefined : `${error.direction} ${error.name}${said} at ${error.at}`],
    ['BFD', bfdLine(peer.bfd)],
    ['Graceful restart', gracefulRestart(peer)],
    ['Bad UPDATEs', badUpdates(peer)],
    ['Update group', peer.group === undefined ? undefined : `${peer.group}${peer.lagging ? ', lagging' : ''}`],
    ['Waiting to be sent', peer.outputQueueBytes > 0 ? `${peer.outputQueueBytes} bytes` : undefined],
  ])
  const messages = table(
    (['open', 'update', 'notification', 'keepalive', 'routeRefresh', 'total'] as const).map((type) => ({
      type: type === 'routeRefresh' ? 'route refresh' : type,
      received: peer.messagesReceived[type],
      sent: peer.messagesSent[type],
    })),
    [
      { heading: 'MESSAGES', value: (row) => row.type },
      { heading: 'RECEIVED', value: (row) => row.received },
      { heading: 'SENT', value: (row) => row.sent },
    ],
    style,
  )
  const families = table(
    peer.families,
    [
      { heading: 'FAMILY', value: (family) => family.family },
      { heading: 'RECEIVED', value: (family) => family.received },
      { heading: 'ACCEPTED', value: (family) => family.accepted },
      { heading: 'PREFERRED', value: (family) => family.preferred },
      { heading: 'SENT', value: (family) => family.sent },
      { heading: 'STALE', value: (family) => family.stale },
      { heading: 'END OF RIB', value: (family) => endOfRib(family) },
      { heading: 'ADD-PATH', value: (family) => addPath(family) },
    ],
    style,
  )
  return [head, capabilityLines(peer), families, messages].filter((part) => part !== '').join('\n')
}

type FamilyJson = PeerJson['families'][number]

function endOfRib(family: FamilyJson): string {
  return [family.endOfRibReceived ? 'received' : '', family.endOfRibSent ? 'sent' : ''].filter(Boolean).join(', ')
}

function addPath(family: FamilyJson): string {
  return [family.addPathReceive ? 'receive' : '', family.addPathSend ? 'send' : ''].filter(Boolean).join(', ')
}

function gracefulRestart(peer: PeerJson): string {
  const { peerCapable, staleUntil, waitingForEndOfRib } = peer.gracefulRestart
  const notes = [peerCapable ? 'peer can' : 'peer cannot']
  if (staleUntil !== undefined) notes.push(`its routes are kept until ${staleUntil}`)
  if (waitingForEndOfRib) notes.push('waiting for its End-of-RIB')
  return notes.join(', ')
}

function badUpdates(peer: PeerJson): string | undefined {
  const { discarded, withdrawn, reset } = peer.badUpdates
  if (discarded + withdrawn + reset === 0) return undefined
  return `${counted(discarded, 'attribute')} dropped, ${withdrawn} treated as withdraw, ${counted(reset, 'reset')} (starling show events --type bad-update)`
}
