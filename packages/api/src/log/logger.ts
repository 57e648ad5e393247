/**
 * The text log: pino, one JSON line per event, pretty on a terminal.
 *
 * Whatever a peer can write is escaped on its way in (`escapeDeep`), secrets are cut out by name, and the level can be
 * changed at run time (`starling log-level`). Events come through `logEvents`, so a line in the log, an entry of the
 * event stream and a metric share one code.
 */
import { type DestinationStream, type Logger, pino } from 'pino'
import { describeEvent, eventLevel } from '../events/catalogue.js'
import type { DaemonEvent, EventRecord, EventSource } from '../ports.js'
import { escapeDeep, escapeText, REDACTED } from '../text.js'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LoggerOptions {
  readonly level?: LogLevel
  /** `node worker-1`, `reflector rr-1`: stands in every line. */
  readonly name?: string
  /** Coloured lines for people instead of JSON. */
  readonly pretty?: boolean
  readonly destination?: DestinationStream
}

/** Cut out in the walk that escapes anyway: pino's own redaction makes a line three times as dear. */
const SECRETS = new Set(['password', 'token', 'secret', 'authorization', 'privateKey', 'clientKey'])

export function createLogger(options: LoggerOptions = {}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: options.name === undefined ? {} : { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => escapeFields(fields),
    },
    hooks: {
      logMethod(this: Logger, args: Parameters<Logger['info']>, method: (...a: Parameters<Logger['info']>) => void) {
        const safe = args.map((argument: unknown) =>
          typeof argument === 'string' ? escapeText(argument, 2048) : argument,
        )
        method.apply(this, safe as Parameters<Logger['info']>)
      },
    },
  }
  if (options.pretty === true && options.destination === undefined) {
    return pino({
      ...settings,
      // A formatter for the label cannot travel to the worker that prettifies.
      formatters: { log: settings.formatters.log },
      transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' } },
    })
  }
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination)
}

/** Errors keep their class for pino's serialiser; everything else is escaped, and secrets are left out. */
function escapeFields(fields: Record<string, unknown>): Record<string, unknown> {
  const safe = (key: string, value: unknown): unknown => {
    if (SECRETS.has(key)) return REDACTED
    return value instanceof Error ? errorFields(value) : escapeDeep(value, undefined, SECRETS)
  }
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, safe(key, value)]))
}

function errorFields(error: Error): Record<string, unknown> {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  // The stack begins with the message, so it needs the same care; its own lines stay lines.
  const frames = error.stack?.split('\n    at ').slice(1, 30) ?? []
  const stack = frames.map((frame) => `at ${escapeText(frame, 200)}`).join('\n')
  return { type: error.name, message: escapeText(error.message, 1024), ...code, stack }
}

/**
 * Events that come by the hundred when a cluster is lost or returns. A line costs more than a session, so theirs wait
 * until the routes are on their way; nobody else's does, and none is passed by a later one.
 */
const COMMON: ReadonlySet<DaemonEvent['type']> = new Set([
  'session-state',
  'notification-sent',
  'notification-received',
  'peer-added',
  'peer-removed',
  'connection-refused',
  'end-of-rib',
  'graceful-restart',
])
const PATIENCE = 25
const MOST_WAITING = 4096

/** Every event as one line; returns the way to stop. */
export function logEvents(logger: Logger, events: EventSource): () => void {
  const waiting: EventRecord[] = []
  let timer: NodeJS.Timeout | undefined
  const write = (): void => {
    clearTimeout(timer)
    timer = undefined
    for (const record of waiting.splice(0)) writeEvent(logger, record)
  }
  const unsubscribe = events.subscribe((record) => {
    if (!logger.isLevelEnabled(eventLevel(record.event))) return
    waiting.push(record)
    if (!COMMON.has(record.event.type) || waiting.length >= MOST_WAITING) write()
    else timer ??= setTimeout(write, PATIENCE)
  })
  process.on('exit', write)
  return () => {
    unsubscribe()
    process.off('exit', write)
    write()
  }
}

function writeEvent(logger: Logger, { id, event }: EventRecord): void {
  const { code, level, message } = describeEvent(event)
  const { type: _type, ...fields } = event as { type: string } & Record<string, unknown>
  // The bytes of a bad UPDATE are evidence for the API, not for the log.
  if ('bytes' in fields) delete fields['bytes']
  logger[level]({ code, id, ...fields }, message)
}
