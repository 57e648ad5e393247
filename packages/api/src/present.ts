/**
 * Views to JSON values: the only place where a view's clock times become RFC 3339 and its bytes become text.
 *
 * Field names stay those of the views (`view.ts` of the engine, `ports.ts`): they are the stable JSON. Beside every
 * `since` stands `age` in seconds, by the daemon's clock, so that a reader with a wrong clock still shows the truth.
 */
import type { DaemonPorts, EventRecord } from './ports.js'
import { escapeText } from './text.js'

/** Fields of the views that hold a time of the daemon's clock. */
const TIME_FIELDS: ReadonlySet<string> = new Set([
  'since',
  'at',
  'until',
  'nextRetry',
  'staleUntil',
  'startedAt',
  'configuredAt',
  'lastSync',
])

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export function rfc3339(epochMilliseconds: number): string {
  if (!Number.isFinite(epochMilliseconds) || Math.abs(epochMilliseconds) > 8.64e15) return '1970-01-01T00:00:00.000Z'
  return new Date(epochMilliseconds).toISOString()
}

export function present(value: unknown, ports: Pick<DaemonPorts, 'now' | 'toEpoch'>): Json {
  return convert(value, ports, ports.now())
}

function convert(value: unknown, ports: Pick<DaemonPorts, 'toEpoch'>, now: number): Json {
  switch (typeof value) {
    case 'string':
      return escapeText(value, 4096)
    case 'number':
      return Number.isFinite(value) ? value : null
    case 'boolean':
      return value
    case 'bigint':
      return value.toString()
    case 'object':
      break
    default:
      return null
  }
  if (value === null) return null
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
  }
  if (Array.isArray(value)) return value.map((item) => convert(item, ports, now))
  const out: { [key: string]: Json } = {}
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    if (typeof item === 'number' && TIME_FIELDS.has(key)) {
      out[key] = rfc3339(ports.toEpoch(item))
      if (key === 'since') out['age'] = Math.max(0, Math.round(now - item) / 1000)
    } else {
      out[key] = convert(item, ports, now)
    }
  }
  return out
}

/** An event as the stream and the list show it. */
export function presentEvent(
  record: EventRecord,
  description: { code: string; level: string; message: string },
  ports: Pick<DaemonPorts, 'now' | 'toEpoch'>,
): Json {
  return {
    id: record.id,
    at: rfc3339(ports.toEpoch(record.at)),
    code: description.code,
    level: description.level,
    message: description.message,
    event: present(record.event, ports),
  }
}
