/**
 * Keeps tunnels as wanted: reads, plans, applies; again after a change of wishes, a hint (a link or address event) or the
 * interval. Devices are few, so each round reads them afresh instead of remembering. What fails is told once per text and
 * tried ever more rarely: a kernel without the module does not get one by being asked every second.
 */

import type { WriteOutcome } from '../driver.js'
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
  /** Once per different text until all is well again; `device` is empty when the driver itself failed. */
  failed?(device: string, text: string): void
}

const INTERVAL_MS = 10_000
const RETRY_MS = 1000
const LAST_RETRY_MS = 300_000
const EOPNOTSUPP = 95

export class TunnelProgrammer {
  private readonly driver: TunnelDriver
  private readonly clock: ProgrammerClock
  private readonly interval: number
  private readonly listener: TunnelProgrammerListener
  private owned: readonly string[]
  private desired: readonly DesiredTunnel[] | undefined
  private running: Promise<void> | undefined
  private again = false
  private stopped = false
  private failures = 0
  private readonly told = new Set<string>()
  private cancel: (() => void) | undefined

  constructor(
    driver: TunnelDriver,
    clock: ProgrammerClock,
    options: TunnelProgrammerOptions,
    listener: TunnelProgrammerListener = {},
  ) {
    this.driver = driver
    this.clock = clock
    this.owned = options.ownedNames
    this.interval = options.interval ?? INTERVAL_MS
    this.listener = listener
  }

  /** The complete wish; before the first call nothing is touched. `owned` replaces the names that are ours to clear. */
  set(desired: readonly DesiredTunnel[], owned: readonly string[] = this.owned): void {
    this.desired = desired
    this.owned = owned
    this.failures = 0
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
      } else this.cancel = this.clock.at(this.clock.now() + this.pause(clean), () => this.hint())
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

  private pause(clean: boolean): number {
    if (clean) {
      this.failures = 0
      this.told.clear()
      return this.interval
    }
    return Math.min(LAST_RETRY_MS, RETRY_MS * 2 ** Math.min(this.failures++, 16))
  }

  private async round(): Promise<boolean> {
    await this.clock.turn()
    const desired = this.desired ?? []
    try {
      const names = [...new Set([...this.owned, ...desired.map(({ name }) => name)])]
      if (names.length === 0) return true
      const operations = planTunnels(desired, await this.driver.read(names), this.owned)
      if (operations.length === 0) return true
      const outcomes = await this.driver.apply(operations)
      this.listener.applied?.(operations)
      return this.judge(operations, outcomes)
    } catch (error) {
      this.tell('', error instanceof Error ? error.message : String(error))
      return false
    }
  }

  private judge(operations: readonly TunnelOperation[], outcomes: readonly WriteOutcome[]): boolean {
    // What cannot be done to a device that could not be made says nothing new.
    const unmade = new Set<string>()
    let clean = true
    for (const [i, operation] of operations.entries()) {
      const outcome = outcomes[i]
      if (outcome === undefined || outcome.errno === 0) continue
      clean = false
      const device = operation.op === 'create' ? operation.tunnel.name : operation.device
      if (!unmade.has(device)) this.tell(device, failureWords(operation, outcome))
      if (operation.op === 'create') unmade.add(device)
    }
    return clean
  }

  private tell(device: string, text: string): void {
    const key = `${device} ${text}`
    if (this.told.has(key)) return
    this.told.add(key)
    this.listener.failed?.(device, text)
  }
}

function failureWords(operation: TunnelOperation, { errno, name, text }: WriteOutcome): string {
  const said = `${name ?? `errno ${errno}`}${text === undefined || text === '' ? '' : `: ${text}`}`
  if (operation.op !== 'create') return `${operation.op} failed: ${said}`
  const { kind } = operation.tunnel
  if (errno === EOPNOTSUPP) return `this kernel knows no ${kind} devices; load the module ${kind} (${said})`
  return `cannot be made: ${said}`
}
