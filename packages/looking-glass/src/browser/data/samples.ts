/**
 * /metrics as numbers for the plots: the Prometheus text format (version 0.0.4) to one flat sample per scrape.
 */

export interface MetricLine {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g

export function parseMetrics(text: string): MetricLine[] {
  const lines: MetricLine[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const match = LINE.exec(line)
    if (match === null) continue
    const [, name = '', labelText = '', valueText = ''] = match
    const labels: Record<string, string> = Object.create(null)
    for (const [, key = '', value = ''] of labelText.matchAll(LABEL)) {
      labels[key] = value.replace(/\\(.)/g, (_all, character: string) => (character === 'n' ? '\n' : character))
    }
    lines.push({ name, labels, value: valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText) })
  }
  return lines
}

/** Totals the page plots; counters as they stand, differences are taken where they are drawn. */
export interface Sample {
  readonly at: number
  readonly updatesIn: number
  readonly updatesOut: number
  readonly established: number
  readonly notEstablished: number
  readonly received: number
  readonly sent: number
  readonly ribPrefixes: number
  readonly kernelInstalled: number
  readonly kernelDrifted: number
  readonly kernelPending: number
  readonly kernelRepairs: number
  readonly kernelErrors: number
  readonly flaps: number
  readonly badUpdates: number
  /** Milliseconds. */
  readonly delayMedian: number
  readonly delayMax: number
  /** Bytes. */
  readonly memory: number
  readonly queued: number
  readonly logBytes: number
  readonly groups: number
  /** Upper bound in seconds and the cumulative count, ascending. */
  readonly latency: readonly (readonly [bound: number, count: number])[]
}

export function sampleOf(lines: readonly MetricLine[], at: number): Sample {
  const sum = (name: string, wanted: Readonly<Record<string, string>> = {}): number => {
    let total = 0
    for (const line of lines) {
      if (line.name !== name) continue
      if (Object.entries(wanted).every(([key, value]) => line.labels[key] === value)) total += line.value
    }
    return total
  }
  const sessions = sum('starling_sessions')
  const established = sum('starling_sessions', { state: 'Established' })
  const updates = (direction: string): number => sum('starling_messages_total', { type: 'update', direction })
  return {
    at,
    updatesIn: updates('received'),
    updatesOut: updates('sent'),
    established,
    notEstablished: sessions - established,
    received: sum('starling_prefixes_received'),
    sent: sum('starling_prefixes_sent'),
    ribPrefixes: sum('starling_rib_prefixes'),
    kernelInstalled: sum('starling_kernel_routes', { state: 'installed' }),
    kernelDrifted: sum('starling_kernel_routes', { state: 'drifted' }),
    kernelPending: sum('starling_kernel_routes', { state: 'pending' }),
    kernelRepairs: sum('starling_kernel_repairs_total'),
    kernelErrors: sum('starling_kernel_errors_total'),
    flaps: sum('starling_session_flaps_total'),
    badUpdates: sum('starling_bad_updates_total'),
    delayMedian: 1000 * sum('starling_event_loop_delay_seconds', { statistic: 'p50' }),
    delayMax: 1000 * sum('starling_event_loop_delay_seconds', { statistic: 'max' }),
    memory: sum('process_resident_memory_bytes'),
    queued: sum('starling_output_queue_bytes'),
    logBytes: sum('starling_group_log_bytes'),
    groups: sum('starling_groups'),
    latency: lines
      .filter(({ name }) => name === 'starling_update_to_kernel_seconds_bucket')
      .map(
        ({ labels, value }) =>
          [labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']), value] as const,
      )
      .sort(([a], [b]) => a - b),
  }
}

/** Counter to change per second; a counter that fell started again. */
export function rates(samples: readonly Sample[], read: (sample: Sample) => number): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1]
    if (before === undefined || sample.at <= before.at) return null
    const change = read(sample) - read(before)
    return change < 0 ? null : (1000 * change) / (sample.at - before.at)
  })
}
