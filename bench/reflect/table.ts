/**
 * Results as a table for people: medians over the runs, the best daemon of each row, and how Starling stands to it.
 */
import type { CellResult } from './cell.js'
import type { Scenario } from './scenarios.js'

export interface Row {
  readonly peer: string
  readonly scenario: string
  readonly run: number
  readonly result: CellResult
}

interface Measure {
  readonly phase: string
  readonly what: string
  readonly of: (result: CellResult) => number | undefined
  readonly unit: 's' | 'ms' | 'MB'
}

const MEASURES: readonly Measure[] = [
  { phase: 'announce', what: 'announce to all converged', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'latency', what: 'one route, last receiver, p50', of: ({ milliseconds }) => milliseconds, unit: 'ms' },
  { phase: 'latency', what: 'one route, last receiver, p99', of: ({ p99 }) => p99, unit: 'ms' },
  { phase: 'latency', what: 'one withdrawal, p50', of: ({ withdrawal }) => withdrawal, unit: 'ms' },
  { phase: 'withdraw', what: '5 % withdrawn', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'announce again', what: '5 % announced again', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'kill', what: 'clients lost: all withdrawn', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'reconnect', what: 'they come back', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'storm', what: 'all come back at once', of: ({ milliseconds }) => milliseconds / 1000, unit: 's' },
  { phase: 'announce', what: 'memory', of: ({ memory }) => memory, unit: 'MB' },
]

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

function text(value: number, unit: Measure['unit']): string {
  if (unit === 'MB') return value.toFixed(0)
  return value < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(1)
}

export function tableOf(rows: readonly Row[], scenario: Scenario, peers: readonly string[]): string {
  const mine = rows.filter((row) => row.scenario === scenario.name)
  const lines = [['', ...peers, 'against the best']]
  for (const { phase, what, of, unit } of MEASURES) {
    const found = mine.filter(({ result }) => result.phase === phase)
    if (found.length === 0) continue
    const values = peers.map((peer) => {
      const ok = found.filter((row) => row.peer === peer && row.result.ok)
      return ok.length === 0 ? undefined : median(ok.map(({ result }) => of(result) ?? Number.NaN))
    })
    const rivals = values.filter((value, i) => value !== undefined && peers[i] !== 'starling' && peers[i] !== 'floor')
    const best = Math.min(...(rivals as number[]))
    const ours = values[peers.indexOf('starling')]
    const cell = (value: number | undefined, peer: string) =>
      value !== undefined ? text(value, unit) : found.some((row) => row.peer === peer) ? 'failed' : '-'
    const ratio = ours === undefined || best === Number.POSITIVE_INFINITY ? '' : `${(best / ours).toFixed(2)} x`
    lines.push([`${what}, ${unit}`, ...values.map((value, i) => cell(value, peers[i] ?? '')), ratio])
  }
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const pad = (line: readonly string[]) =>
    line.map((word, i) => (i === 0 ? word.padEnd(widths[0] ?? 0) : word.padStart(widths[i] ?? 0))).join('  ')
  return [`${scenario.name}: ${scenario.what}`, ...lines.map(pad)].join('\n')
}

/** Anything that must be zero and is not, in words. */
export function faultsOf(rows: readonly Row[]): string[] {
  const found = new Set<string>()
  for (const { peer, scenario, result } of rows) {
    for (const [what, count] of Object.entries(result.faults)) {
      if (count > 0) found.add(`${peer} ${scenario}: ${what} ${count}`)
    }
  }
  return [...found]
}
