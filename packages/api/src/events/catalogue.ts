/**
 * What an event is called and how loud it is: stable codes for logs, the event stream and the metrics.
 *
 * One line per event, one code per kind of news (issue: "one line per event with stable codes"). Peer-supplied text is
 * escaped here, so nothing downstream has to remember it. `docs/errors.md` lists the codes; a test keeps it true.
 */
import type { DaemonEvent } from '../ports.js'
import { escapeText } from '../text.js'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Every type an event can have, for whoever filters by it: a mistyped one is refused, not waited for. */
const TYPES: Readonly<Record<DaemonEvent['type'], true>> = {
  'session-state': true,
  'session-reset': true,
  'notification-sent': true,
  'notification-received': true,
  'peer-added': true,
  'peer-removed': true,
  'connection-refused': true,
  'bad-update': true,
  'prefix-limit': true,
  'end-of-rib': true,
  'graceful-restart': true,
  lagging: true,
  'best-path': true,
  'best-paths': true,
  started: true,
  stopping: true,
  'datastore-status': true,
  'datastore-problem': true,
  'config-applied': true,
  'block-claimed': true,
  'block-released': true,
  'kernel-error': true,
  'kernel-repair': true,
  'kernel-conflict': true,
  'kernel-tunnel': true,
  'kernel-resync': true,
  admin: true,
}
export const EVENT_TYPES: readonly string[] = Object.keys(TYPES)

export interface EventEntry {
  readonly level: Level
  readonly meaning: string
}

export const EVENTS = {
  SESSION_UP: { level: 'info', meaning: 'A session reached Established.' },
  SESSION_DOWN: { level: 'warn', meaning: 'An Established session was lost; the message says why.' },
  SESSION_STATE: { level: 'debug', meaning: 'A session moved between states below Established.' },
  SESSION_RESET: {
    level: 'warn',
    meaning: 'We reset a session because a changed configuration field left no smaller effect; the field is named.',
  },
  NOTIFICATION_SENT: { level: 'warn', meaning: 'We ended a connection with a NOTIFICATION (RFC 4271 section 4.5).' },
  NOTIFICATION_RECEIVED: { level: 'warn', meaning: 'The peer ended a connection with a NOTIFICATION.' },
  PEER_ADDED: { level: 'info', meaning: 'A peering was configured.' },
  PEER_REMOVED: { level: 'info', meaning: 'A peering is no longer configured.' },
  CONNECTION_REFUSED: { level: 'info', meaning: 'Somebody who is no peer connected and was turned away.' },
  BAD_UPDATE: {
    level: 'warn',
    meaning: 'A malformed UPDATE was handled by RFC 7606: attribute dropped, routes withdrawn or session reset.',
  },
  PREFIX_LIMIT: { level: 'warn', meaning: 'A peer came near or over its prefix limit.' },
  END_OF_RIB: { level: 'debug', meaning: 'End-of-RIB was sent or received (RFC 4724 section 2).' },
  GRACEFUL_RESTART: { level: 'info', meaning: 'A graceful restart began, ended or gave up (RFC 4724).' },
  PEER_LAGGING: {
    level: 'warn',
    meaning: 'A peer reads too slowly and left the shared segment log, or came back to it.',
  },
  STARTED: { level: 'info', meaning: 'The daemon started.' },
  STOPPING: { level: 'info', meaning: 'The daemon stops; kernel routes stay.' },
  DATASTORE_STATUS: {
    level: 'info',
    meaning: 'The datastore came in sync or was lost; lost means the last snapshot stays.',
  },
  DATASTORE_PROBLEM: { level: 'warn', meaning: 'A key holds an invalid value; the last good one stays in force.' },
  CONFIG_APPLIED: {
    level: 'info',
    meaning: 'A new plan is in force; counts of peers added, changed and removed (debug where there are none).',
  },
  BLOCK_CLAIMED: { level: 'info', meaning: 'An IPAM block was claimed.' },
  BLOCK_RELEASED: { level: 'info', meaning: 'An IPAM block was released.' },
  KERNEL_ERROR: { level: 'error', meaning: 'The kernel refused a route; errno and its own words are given.' },
  KERNEL_CONFLICT: {
    level: 'warn',
    meaning: "Another program's route stands where ours would; it is left alone and ours waits. Told once.",
  },
  KERNEL_TUNNEL: {
    level: 'error',
    meaning: 'A tunnel device cannot be made or kept as it should be; routes through it wait.',
  },
  KERNEL_REPAIR: {
    level: 'warn',
    meaning: 'Somebody changed or removed one of our kernel routes and it was put right.',
  },
  KERNEL_RESYNC: { level: 'info', meaning: 'Kernel events were lost, the whole table was read again.' },
  BEST_PATH: {
    level: 'debug',
    meaning: 'The best path of a prefix, or its next hops, changed; told at a bounded rate.',
  },
  BEST_PATHS: { level: 'debug', meaning: 'So many changes of best paths were too many to be told one by one.' },
  ADMIN: { level: 'info', meaning: 'An operator acted through the API or the control socket.' },
} as const satisfies Record<string, EventEntry>

export type EventCode = keyof typeof EVENTS

/** Codes of log lines that are no events: what the host of the engine met while it worked. */
export const LOG_CODES = {
  BLOCK_CLAIM_FAILED: { level: 'warn', meaning: 'No pod block could be claimed (`--claim-block`); it is tried again.' },
  NODE_STATUS_FAILED: {
    level: 'warn',
    meaning: 'A CalicoNodeStatus could not be written (`--node-status`); it is tried again.',
  },
  CONFIGURE_FAILED: { level: 'error', meaning: 'A new plan could not be applied; the one before stays in force.' },
  FOLDER_UNREADABLE: { level: 'warn', meaning: 'The folder of secrets or of endpoint status files cannot be read.' },
  PLAN_FAILED: { level: 'error', meaning: 'A plan could not be made of the snapshot; the one before stays in force.' },
  RESOURCE_PROBLEM: { level: 'warn', meaning: 'A resource breaks a rule, or names something that does not exist.' },
  SPEAKER_FAILED: { level: 'error', meaning: 'The speaker stopped on a broken invariant; kernel routes stay.' },
  SPEAKER_NOTICE: {
    level: 'info',
    meaning: 'The speaker opened a listener, or met trouble with a socket: a warning when sessions depend on it.',
  },
} as const satisfies Record<string, EventEntry>

export interface Description {
  readonly code: EventCode
  readonly level: Level
  readonly message: string
}

const CODES: Readonly<Record<Exclude<DaemonEvent['type'], 'session-state'>, EventCode>> = {
  'notification-sent': 'NOTIFICATION_SENT',
  'notification-received': 'NOTIFICATION_RECEIVED',
  'session-reset': 'SESSION_RESET',
  'peer-added': 'PEER_ADDED',
  'peer-removed': 'PEER_REMOVED',
  'connection-refused': 'CONNECTION_REFUSED',
  'bad-update': 'BAD_UPDATE',
  'prefix-limit': 'PREFIX_LIMIT',
  'end-of-rib': 'END_OF_RIB',
  'graceful-restart': 'GRACEFUL_RESTART',
  lagging: 'PEER_LAGGING',
  started: 'STARTED',
  stopping: 'STOPPING',
  'datastore-status': 'DATASTORE_STATUS',
  'datastore-problem': 'DATASTORE_PROBLEM',
  'config-applied': 'CONFIG_APPLIED',
  'block-claimed': 'BLOCK_CLAIMED',
  'block-released': 'BLOCK_RELEASED',
  'kernel-error': 'KERNEL_ERROR',
  'kernel-repair': 'KERNEL_REPAIR',
  'kernel-conflict': 'KERNEL_CONFLICT',
  'kernel-tunnel': 'KERNEL_TUNNEL',
  'kernel-resync': 'KERNEL_RESYNC',
  'best-path': 'BEST_PATH',
  'best-paths': 'BEST_PATHS',
  admin: 'ADMIN',
}

/** The code alone: what a burst of events costs everybody who does not need words. */
export function eventCode(event: DaemonEvent): EventCode {
  if (event.type !== 'session-state') return CODES[event.type]
  return event.to === 'Established' ? 'SESSION_UP' : event.from === 'Established' ? 'SESSION_DOWN' : 'SESSION_STATE'
}

/** Peer names are ours, but host names, shutdown texts and reasons may carry the peer's own words. */
const safe = (text: string): string => escapeText(text, 512)

function sessionState(event: DaemonEvent & { type: 'session-state' }): string {
  const reason = event.reason === '' ? '' : `: ${safe(event.reason)}`
  if (event.to === 'Established') return `${safe(event.name)} is Established`
  if (event.from === 'Established') return `${safe(event.name)} is down${reason}`
  return `${safe(event.name)} ${event.from} -> ${event.to}${reason}`
}

function words(event: DaemonEvent): string {
  switch (event.type) {
    case 'session-state':
      return sessionState(event)
    case 'notification-sent':
    case 'notification-received': {
      const { name, text } = event.notification
      const said = text === undefined || text === '' ? '' : `, saying "${safe(text)}"`
      return event.type === 'notification-sent'
        ? `sent ${name} to ${safe(event.name)}${said}`
        : `received ${name} from ${safe(event.name)}${said}`
    }
    case 'session-reset':
      return `reset ${safe(event.name)}: ${event.field} changed (${event.impact})`
    case 'peer-added':
      return `${safe(event.name)} was added`
    case 'peer-removed':
      return `${safe(event.name)} was removed`
    case 'connection-refused':
      return `connection from ${safe(event.remoteAddress)} refused: ${safe(event.reason)}${event.more > 0 ? `; ${event.more} more since the last one told` : ''}`
    case 'bad-update':
      return `bad UPDATE from ${safe(event.name)}: attribute ${event.attribute}, ${event.rule}, ${event.verdict}`
    case 'prefix-limit':
      return `${safe(event.name)} sent ${event.count} ${event.family} prefixes, the limit is ${event.limit} (${event.action})`
    case 'end-of-rib':
      return `End-of-RIB for ${event.family} ${event.direction} (${safe(event.name)})`
    case 'graceful-restart':
      return `graceful restart with ${safe(event.name)}: ${event.phase}`
    case 'lagging':
      return `${safe(event.name)} ${event.lagging ? 'lags behind its group' : 'caught up with its group'}`
    case 'started':
      return `starling ${event.version} started`
    case 'stopping':
      return `stopping: ${safe(event.reason)}`
    case 'datastore-status':
      return `datastore is ${event.status}${event.detail === '' ? '' : `: ${safe(event.detail)}`}`
    case 'datastore-problem':
      return `${safe(event.key)}: ${safe(event.problem)}`
    case 'config-applied':
      return `configuration ${event.generation}: ${event.added} peers added, ${event.changed} changed, ${event.removed} removed`
    case 'block-claimed':
      return `block ${event.cidr} claimed for ${safe(event.node)}`
    case 'block-released':
      return `block ${event.cidr} of ${safe(event.node)} released`
    case 'kernel-error':
      return `kernel refused ${event.prefix}: ${event.name} (errno ${event.errno}) ${safe(event.text)}`
    case 'kernel-repair':
      return `${event.prefix}: ${safe(event.detail)}`
    case 'kernel-conflict':
      return safe(event.text)
    case 'kernel-tunnel':
      return `${safe(event.device)}: ${safe(event.text)}`
    case 'best-path':
      return event.from === undefined
        ? `${event.prefix} has no path any more`
        : `${event.prefix} is now by ${safe(event.from)}${event.nextHop === undefined ? '' : ` via ${event.nextHop}`}`
    case 'best-paths':
      return `${event.changes} more changes of best paths`
    case 'kernel-resync':
      return `kernel table read again: ${safe(event.reason)}`
    case 'admin':
      return `${event.action}: ${safe(event.detail)}`
  }
}

/** One that is lost is worth a second look; one that comes back is not, and a start reports every step. */
// What a daemon waits for at its start is the first thing its log has to say.
const DATASTORE_LEVELS = { waiting: 'info', resync: 'warn', 'in-sync': 'info' } as const

export function eventLevel(event: DaemonEvent): Level {
  if (event.type === 'datastore-status') return DATASTORE_LEVELS[event.status]
  // Most keys that change in a large cluster concern no session of ours.
  if (event.type === 'config-applied' && event.added + event.changed + event.removed === 0) return 'debug'
  return EVENTS[eventCode(event)].level
}

export function describeEvent(event: DaemonEvent): Description {
  return { code: eventCode(event), level: eventLevel(event), message: words(event) }
}
