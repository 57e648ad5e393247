/**
 * Keeps tunnels as wanted: reads, plans, applies; again after a change of wishes, a hint (a link or address event) or the
 * interval. Devices are few, so each round reads them afresh instead of remembering.
 */

import type { ProgrammerClock } from '../programmer.js'
import { planTunnels } from './plan.js'
import type { DesiredTunnel, TunnelDriver, TunnelOperation } from './types.js'

export interface TunnelProgrammerOptions {
  /** Names we may have made in this or an earlier life. */
  readonly ownedNames: readonly string[]
  /** Milliseconds between looks without a hint; Felix's is 10 s. */
  readonly interval?: number
}

export interface TunnelProgrammerListener {
  applied?(operations: readonly TunnelOperation[]): void
  failed?(operation: TunnelOperation | undefined, text: string): void
}

const INTERVAL_MS = 10_000
const RETRY_MS = 1000

export class TunnelProgrammer {
  private readonly driver: TunnelDriver
  private readonly clock: ProgrammerClock
  private readonly options: TunnelProgrammerOptions
  private readonly listener: TunnelProgrammerListener
  private desired: readonly DesiredTunnel[] | undefined
  private running: Promise<void> | undefined
  private again = false
  private stopped = false
  private cancel: (() => void) | undefined

  constructor(
    driver: TunnelDriver,
    clock: ProgrammerClock,
    options: TunnelProgrammerOptions,
    listener: TunnelProgrammerListener = {},
  ) {
    this.driver = driver
    this.clock = clock
    this.options = options
    this.listener = listener
  }

  /** The complete wish; before the first call nothing is touched. */
  set(desired: readonly DesiredTunnel[]): void {
    this.desired = desired
    this.hint()
  }

  /** Something changed under us: look now. */
  hint(): void {
    if (this.stopped || this.desired === undefined) return
    if (this.running !== undefined) {
      this.again = true
      return
    }
    this.cancel?.()
    this.running = this.round().then((clean) => {
      this.running = undefined
      if (this.stopped) return
      if (this.again) {
        this.again = false
        this.hint()
      } else {
        const interval = clean ? (this.options.interval ?? INTERVAL_MS) : RETRY_MS
        this.cancel = this.clock.at(this.clock.now() + interval, () => this.hint())
      }
    })
  }

  async settled(): Promise<void> {
    while (this.running !== undefined) await this.running
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.cancel?.()
    await this.running
    await this.driver.close()
  }

  private async round(): Promise<boolean> {
    await this.clock.turn()
    const desired = this.desired ?? []
    try {
      const names = [...new Set([...this.options.ownedNames, ...desired.map(({ name }) => name)])]
      const operations = planTunnels(desired, await this.driver.read(names), this.options.ownedNames)
      if (operations.length === 0) return true
      const outcomes = await this.driver.apply(operations)
      this.listener.applied?.(operations)
      let clean = true
      outcomes.forEach(({ errno, name, text }, i) => {
        if (errno === 0) return
        clean = false
        this.listener.failed?.(operations[i], `${name ?? errno}${text === undefined ? '' : `: ${text}`}`)
      })
      return clean
    } catch (error) {
      this.listener.failed?.(undefined, error instanceof Error ? error.message : String(error))
      return false
    }
  }
}
