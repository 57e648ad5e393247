/**
 * The life of a daemon process: signals in, one orderly end out.
 *
 * The first SIGTERM or SIGINT asks for an orderly stop; a second one, or an end that takes longer than `patience`, ends the process at once:
 * kernel routes stay either way, and peers see a TCP close, which is graceful restart to them (calico.md 3.3).
 */
export interface Daemon {
  stop(reason: string): Promise<void>
}

/** A start that fails half-way closes what it had opened: an open socket would keep the process alive, doing nothing. */
export async function startOrStop(daemon: Daemon & { start(): Promise<void> }): Promise<void> {
  try {
    await daemon.start()
  } catch (error) {
    await daemon.stop('the start failed').catch(() => undefined)
    throw error
  }
}

const PATIENCE_MS = 10_000

/** Resolves with the exit code once the daemon has stopped. */
export async function runUntilSignal(daemon: Daemon, report: (text: string) => void): Promise<number> {
  const reason = await firstSignal()
  report(`stopping: ${reason}`)
  const impatient = (): never => process.exit(1)
  process.once('SIGTERM', impatient)
  process.once('SIGINT', impatient)
  const timer = setTimeout(() => {
    report(`not stopped after ${PATIENCE_MS / 1000} s, leaving`)
    impatient()
  }, PATIENCE_MS)
  timer.unref()
  await daemon.stop(reason)
  clearTimeout(timer)
  process.removeListener('SIGTERM', impatient)
  process.removeListener('SIGINT', impatient)
  return 0
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
    const listeners = signals.map((signal) => {
      const listener = (): void => {
        signals.forEach((name, i) => {
          process.removeListener(name, listeners[i]!)
        })
        resolve(signal)
      }
      process.on(signal, listener)
      return listener
    })
  })
}
