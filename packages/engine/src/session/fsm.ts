/**
 * The finite state machine of RFC 4271 section 8.2.2, as a table: (state, event) to (actions, next state).
 *
 * Everything about transitions lives in this file; it knows neither which side dialled nor what an action costs.
 * `connection.ts` runs the actions, `peer.ts` decides between two machines (section 6.8). A cell that is absent is an
 * FSM error: from OpenSent on a NOTIFICATION 5/x (RFC 6608) and Idle, before that Idle without a word.
 * The state diagram in docs/fsm.md is generated from this table (`diagram.ts`).
 *
 * Departures from the letter, each for a reason:
 * - A failed dial goes from Connect to Active, not to Idle: Idle refuses the peer's own attempt (section 8.2.2), and
 *   the usual cause is a peer that starts a moment later than we do.
 * - A second OPEN on one connection is an FSM error; the RFC's collision text for that cell concerns another connection.
 * - With DelayOpen the events that bring a TCP connection have a row of their own, as the RFC does for event 20.
 */
import type { SessionState } from '../events.js'

export const STATES: readonly SessionState[] = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']

/** Names of RFC 4271 section 8.1; SendHoldTimer is RFC 9687, RouteRefreshMsg RFC 2918. */
export const EVENTS = [
  'ManualStart',
  'ManualStart_with_PassiveTcpEstablishment',
  'AutomaticStart',
  'AutomaticStart_with_PassiveTcpEstablishment',
  'ManualStop',
  'AutomaticStop',
  'ConnectRetryTimer_Expires',
  'HoldTimer_Expires',
  'KeepaliveTimer_Expires',
  'DelayOpenTimer_Expires',
  'SendHoldTimer_Expires',
  'Tcp_CR_Acked',
  'Tcp_CR_Acked_with_DelayOpen',
  'TcpConnectionConfirmed',
  'TcpConnectionConfirmed_with_DelayOpen',
  'TcpConnectionFails',
  'BGPOpen',
  'BGPOpen_with_DelayOpenTimer_running',
  'BGPHeaderErr',
  'BGPOpenMsgErr',
  'OpenCollisionDump',
  'NotifMsgVerErr',
  'NotifMsg',
  'KeepAliveMsg',
  'UpdateMsg',
  'UpdateMsgErr',
  'RouteRefreshMsg',
] as const
export type FsmEvent = (typeof EVENTS)[number]

export type FsmAction =
  | 'dial'
  | 'startConnectRetry'
  | 'stopConnectRetry'
  | 'startDelayOpen'
  | 'stopDelayOpen'
  | 'sendOpen'
  | 'acceptOpen'
  | 'sendKeepalive'
  /** HoldTimer at its large value of 4 minutes, while the OPEN is awaited (section 8.2.2). */
  | 'startLargeHold'
  | 'startHold'
  | 'restartHold'
  | 'establish'
  | 'deliverUpdate'
  | 'deliverRefresh'
  /** The NOTIFICATION that belongs to the event. */
  | 'sendNotification'
  | 'dropTcp'
  /** Back to Idle: timers stop, the peer hears the cause and decides when to start again. */
  | 'release'

export interface Transition {
  readonly actions: readonly FsmAction[]
  readonly next: SessionState
}

type Row = Partial<Record<FsmEvent, Transition>>

const to = (next: SessionState, ...actions: FsmAction[]): Transition => ({ actions, next })
const SILENT_END = to('Idle', 'dropTcp', 'release')
const NOTIFIED_END = to('Idle', 'sendNotification', 'dropTcp', 'release')

const IDLE: Row = {
  ...Object.fromEntries(EVENTS.map((event) => [event, to('Idle')])),
  ManualStart: to('Connect', 'startConnectRetry', 'dial'),
  AutomaticStart: to('Connect', 'startConnectRetry', 'dial'),
  ManualStart_with_PassiveTcpEstablishment: to('Active'),
  AutomaticStart_with_PassiveTcpEstablishment: to('Active'),
}

/** Connect and Active are alike but for what a failure and the retry timer mean. */
const BEFORE_OPEN: Row = {
  ManualStart: to('Connect'),
  ManualStart_with_PassiveTcpEstablishment: to('Connect'),
  AutomaticStart: to('Connect'),
  AutomaticStart_with_PassiveTcpEstablishment: to('Connect'),
  ManualStop: SILENT_END,
  AutomaticStop: SILENT_END,
  DelayOpenTimer_Expires: to('OpenSent', 'stopDelayOpen', 'sendOpen', 'startLargeHold'),
  Tcp_CR_Acked: to('OpenSent', 'stopConnectRetry', 'sendOpen', 'startLargeHold'),
  TcpConnectionConfirmed: to('OpenSent', 'stopConnectRetry', 'sendOpen', 'startLargeHold'),
  BGPOpen_with_DelayOpenTimer_running: to(
    'OpenConfirm',
    'stopConnectRetry',
    'stopDelayOpen',
    'sendOpen',
    'acceptOpen',
    'sendKeepalive',
    'startHold',
  ),
  BGPHeaderErr: NOTIFIED_END,
  BGPOpenMsgErr: NOTIFIED_END,
  OpenCollisionDump: SILENT_END,
  NotifMsgVerErr: SILENT_END,
  NotifMsg: SILENT_END,
}

const CONNECT: Row = {
  ...BEFORE_OPEN,
  ConnectRetryTimer_Expires: to('Connect', 'dropTcp', 'stopDelayOpen', 'startConnectRetry', 'dial'),
  Tcp_CR_Acked_with_DelayOpen: to('Connect', 'stopConnectRetry', 'startDelayOpen'),
  TcpConnectionConfirmed_with_DelayOpen: to('Connect', 'stopConnectRetry', 'startDelayOpen'),
  TcpConnectionFails: to('Active', 'dropTcp', 'stopDelayOpen', 'startConnectRetry'),
}

const ACTIVE: Row = {
  ...BEFORE_OPEN,
  ManualStart: to('Active'),
  ManualStart_with_PassiveTcpEstablishment: to('Active'),
  AutomaticStart: to('Active'),
  AutomaticStart_with_PassiveTcpEstablishment: to('Active'),
  ConnectRetryTimer_Expires: to('Connect', 'startConnectRetry', 'dial'),
  Tcp_CR_Acked_with_DelayOpen: to('Active', 'stopConnectRetry', 'startDelayOpen'),
  TcpConnectionConfirmed_with_DelayOpen: to('Active', 'stopConnectRetry', 'startDelayOpen'),
  TcpConnectionFails: SILENT_END,
}

/** What every state from OpenSent on has in common. */
const AFTER_OPEN = (self: SessionState): Row => ({
  ManualStart: to(self),
  ManualStart_with_PassiveTcpEstablishment: to(self),
  AutomaticStart: to(self),
  AutomaticStart_with_PassiveTcpEstablishment: to(self),
  ManualStop: NOTIFIED_END,
  AutomaticStop: NOTIFIED_END,
  HoldTimer_Expires: NOTIFIED_END,
  TcpConnectionFails: SILENT_END,
  BGPHeaderErr: NOTIFIED_END,
  BGPOpenMsgErr: NOTIFIED_END,
  OpenCollisionDump: NOTIFIED_END,
  NotifMsgVerErr: SILENT_END,
  NotifMsg: SILENT_END,
})

const OPEN_SENT: Row = {
  ...AFTER_OPEN('OpenSent'),
  BGPOpen: to('OpenConfirm', 'acceptOpen', 'sendKeepalive', 'startHold'),
  // Section 8.2.2 goes to Active and waits for the ConnectRetryTimer: the peer took our TCP connection and let it go,
  // mostly because we are not configured there yet.
  TcpConnectionFails: to('Active', 'dropTcp', 'startConnectRetry'),
}

const OPEN_CONFIRM: Row = {
  ...AFTER_OPEN('OpenConfirm'),
  KeepaliveTimer_Expires: to('OpenConfirm', 'sendKeepalive'),
  SendHoldTimer_Expires: NOTIFIED_END,
  KeepAliveMsg: to('Established', 'restartHold', 'establish'),
}

const ESTABLISHED: Row = {
  ...AFTER_OPEN('Established'),
  KeepaliveTimer_Expires: to('Established', 'sendKeepalive'),
  SendHoldTimer_Expires: NOTIFIED_END,
  KeepAliveMsg: to('Established', 'restartHold'),
  UpdateMsg: to('Established', 'restartHold', 'deliverUpdate'),
  UpdateMsgErr: NOTIFIED_END,
  RouteRefreshMsg: to('Established', 'restartHold', 'deliverRefresh'),
}

export const FSM: Record<SessionState, Row> = {
  Idle: IDLE,
  Connect: CONNECT,
  Active: ACTIVE,
  OpenSent: OPEN_SENT,
  OpenConfirm: OPEN_CONFIRM,
  Established: ESTABLISHED,
}

/** RFC 6608 section 3: the subcode of a Finite State Machine Error says in which state it happened. */
export const FSM_ERROR_SUBCODE: Record<SessionState, number> = {
  Idle: 0,
  Connect: 0,
  Active: 0,
  OpenSent: 1,
  OpenConfirm: 2,
  Established: 3,
}

/** The transition for an absent cell. */
export function fsmError(state: SessionState): Transition {
  return FSM_ERROR_SUBCODE[state] === 0 ? SILENT_END : NOTIFIED_END
}
