/**
 * Where the state of interfaces comes from: `@starling/speaker/links` is the kernel's; a speaker without one knows none.
 */
import type { LinkState } from './finder.js'

export interface LinkEvents {
  /** Something about interfaces changed; at least once after {@link LinkSource.start}. */
  changed(): void
  problem(text: string): void
}

export interface LinkSource {
  /** Was everything read at least once? Before that nobody knows what is missing. */
  readonly known: boolean
  find(name: string): LinkState | undefined
  start(): void
  close(): void
}

export type LinkSourceFactory = (events: LinkEvents) => LinkSource
