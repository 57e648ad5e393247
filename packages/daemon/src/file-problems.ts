/**
 * Bad edits of a file datastore, on their way to people: each becomes an event (and so a log line) once, and all of them
 * stand in the datastore's status until the files are good again.
 */
import type { EventLog } from '@starling/api'
import { now } from './clock.js'

export interface FileProblem {
  /** `FILE:LINE`. */
  readonly key: string
  readonly problem: string
}

export class FileProblemList {
  readonly #events: EventLog
  #list: readonly FileProblem[] = []

  constructor(events: EventLog) {
    this.#events = events
  }

  get list(): readonly FileProblem[] {
    return this.#list
  }

  readonly set = (list: readonly FileProblem[]): void => {
    const known = new Set(this.#list.map(({ key, problem }) => `${key} ${problem}`))
    this.#list = list
    for (const { key, problem } of list)
      if (!known.has(`${key} ${problem}`)) this.#events.push(now(), { type: 'datastore-problem', key, problem })
  }
}
