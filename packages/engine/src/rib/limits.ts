/**
 * Limits of the tables, each with its reason. Reaching one is a defined outcome, never growth.
 */
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
} as const
