/**
 * `--watch`: the same picture again and again, in place on a terminal, one under the other elsewhere.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { CliError } from './exit.js'
import type { Io } from './io.js'
import { fit } from './output/screen.js'

/** The screen, not the history above it. */
const CLEAR = '\u001b[H\u001b[2J'

export async function repeat(watch: number | true | undefined, io: Io, picture: () => Promise<string>): Promise<void> {
  if (watch === undefined) {
    io.write(await picture())
    return
  }
  if (io.terminal) io.write(CLEAR)
  const pause = (watch === true ? 2 : watch) * 1000
  while (!io.signal.aborted) {
    // A daemon that restarts is a thing to watch, not a reason to stop watching.
    const text = await picture().catch((error: unknown) => {
      if (error instanceof CliError) return `${error.message}\n`
      throw error
    })
    io.write(io.terminal ? fit(text, io) : `${text}\n`)
    await delay(pause, undefined, { signal: io.signal }).catch(() => undefined)
  }
}
