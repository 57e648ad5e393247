/**
 * Every limit of the engine in one place, with its reason: first those of sessions (times in milliseconds), then those of
 * the tables.
 *
 * Reaching a limit is a defined outcome, never growth.
 */

/** RFC 4271 section 8.2.2: the HoldTimer while an OPEN is awaited. */
export const LARGE_HOLD_TIME = 240_000

/**
 * Longest wait for a SYN to be answered. A wrong TCP MD5 key is silence (node.md 3), and the kernel gives up only after
 * two minutes: long enough for any real path, short enough that a mended password shows within seconds.
 */
export const CONNECT_TIMEOUT = 15_000

/** A session that lasted this long has paid for its failures: the back-off starts at its minimum again. */
export const STABLE_TIME = 300_000

/** Failures in a row up to which an incoming connection ends our own idle hold: a peer that restarts is let in at once. */
export const PATIENT_FAILURES = 4

/** An answer takes a round trip: a connected peer that says nothing for so long is not about to, and `show peers` says so. */
export const PATIENCE = 3_000

/** Refused connections told one by one, and milliseconds until one more is: a flood must not be the whole log. */
export const REFUSALS_TOLD = 100
export const REFUSAL_INTERVAL = 1_000

/** RFC 9687 section 3.2: the default SendHoldTime is the larger of these and twice the hold time. */
export const SEND_HOLD_MINIMUM = 480_000

/** Keepalives due within this span of a sweep leave with it: one pass serves many peers. */
export const KEEPALIVE_SLACK = 200

/** RFC 4271 section 10 suggests jitter of 0.75 to 1.0 on the timers; the same for every one of ours. */
export const JITTER = 0.25

/** A dynamic peer that has been down this long is forgotten, and its place is free for another. */
export const DYNAMIC_PEER_LINGER = 300_000

/** After a restart of ours: how long a peer may stay silent before nobody waits for it (RFC 4724 section 4.1). */
export const ANSWER_TIME = 10_000

/**
 * The other side of it: a peer in graceful restart is dialled at least this often, however often it has failed before.
 * Whoever restarts several times in a row would otherwise wait for us in vain, and take away what we keep for it.
 */
export const RETURN_TIME = 2_500

/** How long a helper keeps stale routes of a peer that came back but does not send End-of-RIB (RFC 4724 section 4.2). */
export const STALE_AFTER_RECONNECT = 360_000

/** RFC 4724 section 3: the restart time field has 12 bits, in seconds. */
export const RESTART_TIME_MAXIMUM = 4095

/** Octets of peer text we keep for views (host name, shutdown text). */
export const PEER_TEXT_LIMIT = 255

/** Of the tables. */
export const LIMITS = {
  /** Longer paths than the Internet has ever had are mistakes or attacks; the route is refused, the session stays. */
  asPathLength: 255,
  /** Octets of a group's segment log: a peer further behind becomes a laggard (a version number instead of buffers). */
  groupLog: 8 * 1024 * 1024,
  /** Octets of a shared dump that its slowest reader may hold back. */
  dumpLog: 4 * 1024 * 1024,
  /** One segment of shared output (hot-path.md section 2: 64 KB was best). */
  segment: 65536,
  /** First segment of a quiet log; it doubles up to {@link LIMITS.segment}. */
  firstSegment: 4096,
  /** Pieces of at most this much are copied into one buffer instead of being sent one by one. */
  copyPieces: 4096,
  /** Attribute octets of an UPDATE kept in a bad-update event. */
  badUpdateBytes: 4096,
  /** Routes in one page of a view. */
  routePage: 10_000,
  /** Prefixes one page looks at in its search for them: about five milliseconds. */
  routeScan: 32_768,
} as const
