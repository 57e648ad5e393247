/**
 * `needs('bird', 'ip', 'root')` as the first statement of a test file states what the suite needs from the machine; the
 * names are those of scripts/requirements.json. `npm test` reads these lines without running the file: it installs the
 * packages when it may, and otherwise leaves the suite out, named, with what it lacks (in CI it runs and fails here).
 * Running such a file directly without its needs fails with the reason.
 */
import { lacking } from '../../scripts/requirements.mjs'

export function needs(...names: string[]): void {
  const missing = names.flatMap((name) => lacking(name))
  if (missing.length > 0) throw new Error(`this suite needs ${missing.join(', ')}`)
}
