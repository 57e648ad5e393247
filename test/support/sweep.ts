/** Named network namespaces outlive a run that was killed: the next one, whoever starts it, takes them away. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

/** `pattern` captures the pid in the name. */
export function sweepNamespaces(pattern: RegExp): void {
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns')) {
    const [, pid] = pattern.exec(name) ?? []
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    try {
      execFileSync('ip', ['netns', 'delete', name], { stdio: 'pipe' })
    } catch {
      // Another run beside this one was quicker.
    }
  }
}
