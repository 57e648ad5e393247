/**
 * A word before a long reading. YAML costs about a second per megabyte and is read in one go, so there is nothing to count
 * along the way; what it is and how large is said at the beginning, on a terminal and on standard error alone.
 */
import { statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Io } from '../io.js'

const MEGABYTE = 1_000_000
/** About as long as one waits without wondering. */
const LARGE = 2 * MEGABYTE

export async function tellOfLargeFiles(paths: readonly string[], io: Io): Promise<void> {
  if (!io.terminal) return
  for (const path of paths) {
    const size = await yamlSize(path)
    if (size < LARGE) continue
    io.error(`reading ${(size / MEGABYTE).toFixed(1)} MB of YAML from ${path} (JSON is read much faster)...\n`)
  }
}

/** What cannot be read is told by whoever reads it. */
async function yamlSize(path: string): Promise<number> {
  const sizeOf = (file: string): number =>
    /\.ya?ml$/.test(file) ? (statSync(file, { throwIfNoEntry: false })?.size ?? 0) : 0
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) return sizeOf(path)
  const names = await readdir(path).catch(() => [])
  return names.reduce((sum, name) => sum + (name.startsWith('.') ? 0 : sizeOf(join(path, name))), 0)
}
