/**
 * Every limit of the transport in one place, with its reason. Octets and milliseconds.
 */

/** Connections in all, dialled and accepted; one more is closed unread. A process has file descriptors for other things too. */
export const MAX_CONNECTIONS = 16_384

/** Pending connections in the kernel: Node's default of 511 refuses clients when 1,000 come at once (hot-path.md 2). */
export const BACKLOG = 4096

/** Pieces up to this size are copied into one buffer per connection and turn; larger ones go out as they are. */
export const COPY_LIMIT = 4096

/** Octets collected for one connection before they leave without waiting for the end of the turn: 64 to 256 KB was best. */
export const WRITE_LIMIT = 131_072

/**
 * What one connection may read before it waits for work to be done: two reads of 64 KB. libuv hands up to 32 reads of
 * one socket to one turn, which is a stall of a quarter of a second under a full feed (hot-path.md 2).
 */
export const READ_BUDGET = 131_072

/** What all connections together may read before work is done: with a thousand senders the turn must end, too. */
export const TURN_BUDGET = 1_048_576

/** Longest run of work between two looks at the sockets. */
export const SLICE = 3

/** Prefixes between two looks at the clock (hot-path.md 3.2). */
export const PREFIXES_PER_LOOK = 512

/** The quiet gate opens at the latest after this (hot-path.md 2). */
export const GATE_MINIMUM = 2
export const GATE_MAXIMUM = 20

/** Milliseconds of one small write, the kernel's part included (hot-path.md 1): what a round to all receivers costs. */
export const WRITE_COST = 0.01

/** A closing connection has this long to take its NOTIFICATION. */
export const LINGER = 2_000

/** Between two looks at a port that another speaker still holds: the gap of a handover is at most this. */
export const PORT_RETRY = 250

/** Between two attempts to listen on an address that is not there yet. */
export const LISTEN_RETRY = 2_000
