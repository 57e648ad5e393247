/**
 * Who says how much a daemon logs: an operator at run time (`starling log-level`), before that one at its start
 * (`--log-level`, BGP_LOGSEVERITYSCREEN), before that the cluster (`logSeverityScreen` of BGPConfiguration, followed as it changes), else `info`
 * (calico.md 1.4, 2.1).
 */
import { LOG_LEVELS, type Logger, type LogLevel } from '@starling/api'
import { logLevelOf } from '@starling/intent'
import type { Environment } from './open-datastore.js'

/** What the operator said at the start; undefined: nothing. */
export const logLevelAtStart = (option: LogLevel | undefined, environment: Environment): LogLevel | undefined =>
  option ?? logLevelOf(environment['BGP_LOGSEVERITYSCREEN']?.trim() ?? '')

export class LogLevelControl {
  readonly #log: Pick<Logger, 'level'>
  #fixed: boolean

  /** `chosen`: what the operator said at the start. */
  constructor(log: Pick<Logger, 'level'>, chosen: LogLevel | undefined) {
    this.#log = log
    this.#fixed = chosen !== undefined
  }

  planned(level: LogLevel): void {
    if (!this.#fixed) this.#log.level = level
  }

  /** For as long as the process lives. False for a level that does not exist. */
  set(level: string): boolean {
    if (!LOG_LEVELS.includes(level as LogLevel)) return false
    this.#fixed = true
    this.#log.level = level
    return true
  }
}
