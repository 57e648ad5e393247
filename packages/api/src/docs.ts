/**
 * `docs/metrics.md` and `docs/errors.md` as text, made from the catalogues. A test compares the files with it, and
 * `UPDATE=1` writes them: the pages cannot drift from the code.
 */
import { ERRORS } from './errors.js'
import { EVENTS, LOG_CODES } from './events/catalogue.js'
import { HEALTH_REASONS } from './health/rules.js'
import { BIRD_EXPORTER_METRICS } from './metrics/bird-exporter.js'
import { EVENT_METRICS, METRICS } from './metrics/catalogue.js'
import { PEER_METRICS } from './metrics/peer-catalogue.js'

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
const heading = (...cells: readonly string[]): string => row(...cells) + row(...cells.map(() => '---'))
const code = (text: string): string => `\`${text}\``

interface Documented {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

function metricTable(metrics: readonly Documented[]): string {
  const lines = [...metrics]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => row(code(name), type, labels.map(code).join(', '), help))
  return heading('Name', 'Type', 'Labels', 'Meaning') + lines.join('')
}

export function metricsPage(): string {
  const perPeer = new Set<string>(PEER_METRICS.map(({ name }) => name))
  const common = [...METRICS.filter(({ name }) => !perPeer.has(name)), ...Object.values(EVENT_METRICS)]
  return `# Metrics

\`GET /metrics\` on the API, in Prometheus' text format. This page is made from the catalogue in
\`packages/api/src/metrics\`; a test keeps it true. Node.js process metrics (\`process_*\`, \`nodejs_*\`) of prom-client come
beside these.

Cardinality: a full mesh has as many sessions per node as there are nodes, so series that name a peer exist only for peers
outside the mesh. The metrics of the daemon's API option \`perPeer\` are \`non-mesh\` (default), \`all\` and \`none\`.

## Always

${metricTable(common)}
## Per peer

${metricTable(PEER_METRICS)}
## Names of bird_exporter

With \`--metrics-compat bird_exporter\`, for dashboards and alerts that exist. Same cardinality rule.

${metricTable(BIRD_EXPORTER_METRICS)}`
}

export function errorsPage(): string {
  const errors = Object.entries(ERRORS).map(([name, { status, meaning, remedy }]) =>
    row(code(name), String(status), meaning, remedy),
  )
  const events = (table: Readonly<Record<string, { level: string; meaning: string }>>): string =>
    Object.entries(table)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { level, meaning }]) => row(code(name), level, meaning))
      .join('')
  const reasons = Object.entries(HEALTH_REASONS).map(([name, meaning]) => row(code(name), meaning))
  return `# Codes

Every code a Starling daemon answers or logs with. Codes are stable, texts may get better. This page is made from the
catalogues in \`packages/api/src\`; a test keeps it true. Exit codes of the command line are in [cli.md](cli.md).

## Errors of the API

Answers have the form \`{"error": {"code": "...", "message": "..."}}\`.

${heading('Code', 'Status', 'Meaning', 'What to do')}${errors.join('')}
## Reasons of health checks

\`/readyz\` and \`/livez\` answer 200, or 503 with a list of these.

${heading('Code', 'Meaning')}${reasons.join('')}
## Events

In the log (field \`code\`), in \`/v1/events\`, and as label \`code\` of \`starling_events_total\`. A datastore that is lost is a
warning.

${heading('Code', 'Level', 'Meaning')}${events(EVENTS)}
## Other log lines

${heading('Code', 'Level', 'Meaning')}${events(LOG_CODES)}`
}
