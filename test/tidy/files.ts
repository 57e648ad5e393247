/** The repository's own files, tracked or about to be: what git knows and does not ignore. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourceFile } from './rules.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const BINARY = /\.(png|jpg|ico|woff2?|gz|bin|mrt|pcap)$/

const paths = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)))

export const exists = (path: string): boolean => existsSync(join(root, path))

export function read(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

/** Files whose path matches. */
export function filesLike(pattern: RegExp): SourceFile[] {
  return paths.filter((path) => pattern.test(path) && !BINARY.test(path)).map(read)
}

export const packageNames = [...new Set(paths.flatMap((path) => /^packages\/([^/]+)\//.exec(path)?.[1] ?? []))].sort()
