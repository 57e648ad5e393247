/**
 * The terminal as a value: commands write here, tests bring their own.
 */

export interface Io {
  write(text: string): void
  error(text: string): void
  /** Standard output is a terminal. */
  readonly terminal: boolean
  readonly columns: number
  readonly rows: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the reader of a pipe is gone. Ctrl-C ends the process, but where a command has something to finish. */
  readonly signal: AbortSignal
}

const SECRET = /(PASSWORD|TOKEN|SECRET)$/

/**
 * Takes secrets out of this process's environment once they have been read: Node writes the environment into diagnostic
 * reports, and children inherit it.
 */
export function forgetSecrets(): void {
  for (const name of Object.keys(process.env)) if (SECRET.test(name)) delete process.env[name]
}

export function processIo(): Io {
  const stop = new AbortController()
  // `starling show routes | head` closes our output early; that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stop.abort()
  })
  return {
    write: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    terminal: process.stdout.isTTY === true,
    get columns() {
      return process.stdout.columns ?? 120
    },
    get rows() {
      return process.stdout.rows ?? 40
    },
    // As it was at the start: a daemon removes secrets from its own (see forgetSecrets).
    env: { ...process.env },
    signal: stop.signal,
  }
}
