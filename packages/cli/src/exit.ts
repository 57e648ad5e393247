/**
 * Exit codes, documented and stable (docs/cli.md): scripts tell a typing mistake from a dead daemon by them.
 */

export const EXIT = {
  ok: 0,
  /** What was asked for does not exist, or the operation failed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No daemon answered (socket missing, connection refused, time out). */
  unreachable: 3,
  /** It answered, and the answer is "not well": health, check, plan with problems. */
  unhealthy: 4,
  /** Not allowed: token missing or wrong, listener read-only. */
  denied: 5,
} as const

export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Done, or the answer is yes.',
  failed: 'Not found, or the operation failed; the message says which.',
  usage: 'The command line is wrong.',
  unreachable: 'No daemon answered.',
  unhealthy: 'The daemon answered and is not well; a check found problems.',
  denied: 'Not allowed: token missing or wrong, or the listener takes no changes.',
}

/** A failure that the person at the terminal can understand; everything else is a defect of ours. */
export class CliError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}

/** For commands whose answer is an exit code and who have said all there is to say (health, check). */
export const verdict = (exitCode: number): CliError => new CliError('', exitCode)

export const usage = (message: string): CliError => new CliError(message, EXIT.usage)
