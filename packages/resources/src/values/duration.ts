/**
 * Go's duration text (`2m0s`, `90s`, `1h30m0s`, `1.5s`), the form of metav1.Duration (calico.md 1.2), in milliseconds.
 */
const UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** Milliseconds, or undefined when the text is no duration. `0` needs no unit. */
export function parseDuration(text: string): number | undefined {
  const negative = text.startsWith('-')
  let at = negative || text.startsWith('+') ? 1 : 0
  if (text.slice(at) === '0') return 0
  if (at === text.length) return undefined
  let total = 0
  while (at < text.length) {
    PART.lastIndex = at
    const part = PART.exec(text)
    if (part === null) return undefined
    total += Number(part[1]) * (UNIT[part[2] as string] as number)
    at = PART.lastIndex
  }
  return negative ? -total : total
}

/** As Go's Duration.String prints it. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  if (milliseconds < 0) return `-${formatDuration(-milliseconds)}`
  if (milliseconds < 1000) return milliseconds < 1 ? `${trim(milliseconds * 1000)}µs` : `${trim(milliseconds)}ms`
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor((milliseconds % 3_600_000) / 60_000)
  const seconds = trim((milliseconds % 60_000) / 1000)
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

function trim(value: number): string {
  return String(Number(value.toFixed(6)))
}
